"""Added tokens: names with an id of their own, outside the merges."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from leitai.base import LeitaiError

_BRACKETS = {"<": ">", "[": "]"}


@dataclass(frozen=True, slots=True)
class AddedToken:
    """One added token, with the fields of `tokenizer.json`.

    Attributes:
        id: the token's id.
        content: the token's name.
        special: skipped by `decode(..., skip_special=True)`.
        single_word: found only where no word character stands on either side.
        lstrip: swallows the white space before it.
        rstrip: swallows the white space after it.
        normalized: found in normalised rather than raw text (raw is what Leitai looks at; the
            families' tokens are ASCII, which normalisation leaves alone).
    """

    id: int
    content: str
    special: bool = False
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = False

    @property
    def is_control(self) -> bool:
        """Whether the token steers (``<|im_end|>``, ``<think>``), not merely adds a word.

        Control tokens typed in plain text are text. A word added to the vocabulary is a token
        wherever it stands.
        """
        name = self.content
        return self.special or (len(name) > 2 and _BRACKETS.get(name[0]) == name[-1])

    def to_json(self) -> dict[str, Any]:
        """Return the entry for `tokenizer.json`."""
        return asdict(self)


def read_added(entries: Iterable[Any], where: object) -> tuple[AddedToken, ...]:
    """Read the `added_tokens` list of a `tokenizer.json`.

    Raises:
        LeitaiError: an entry has no id or name, or two entries share one.
    """
    tokens: dict[int, AddedToken] = {}
    names: set[str] = set()
    for number, entry in enumerate(entries):
        at = f"{where}, added token {number}"
        if not isinstance(entry, Mapping):
            raise LeitaiError("expected an object", where=at, remedy="repair the file")
        token_id, content = entry.get("id"), entry.get("content")
        if type(token_id) is not int or token_id < 0 or not isinstance(content, str) or not content:
            raise LeitaiError(
                "expected an id of 0 or more and a content", where=at, remedy="repair the file"
            )
        if token_id in tokens or content in names:
            raise LeitaiError(
                f"{content!r} with id {token_id} appears twice", where=at, remedy="repair the file"
            )
        flags = ("special", "single_word", "lstrip", "rstrip", "normalized")
        tokens[token_id] = AddedToken(
            token_id, content, **{flag: entry.get(flag) is True for flag in flags}
        )
        names.add(content)
    return tuple(tokens[token_id] for token_id in sorted(tokens))


def added_pattern(tokens: Iterable[AddedToken]) -> re.Pattern[str] | None:
    """Return a pattern that finds the tokens, the longest first, with the white space they swallow.

    What matches is the token's name, or the name between white space.
    """
    parts = []
    for token in sorted(tokens, key=lambda token: (-len(token.content), token.content)):
        part = re.escape(token.content)
        if token.single_word:
            part = rf"(?<!\w){part}(?!\w)"
        parts.append((r"\s*" if token.lstrip else "") + part + (r"\s*" if token.rstrip else ""))
    return re.compile("|".join(parts)) if parts else None
