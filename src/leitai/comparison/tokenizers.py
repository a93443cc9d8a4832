"""How far text goes in each tokenizer, before any weights are there: by data and by language.

A token is worth what it holds: models whose tokenizers differ pay per token, and have a context in
tokens, but are asked in characters. Texts are drawn anew for the intervals, a text whole, since the
tokens of one text resemble each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leitai.base import LeitaiError
from leitai.comparison.statistics import BOOTSTRAP_MINIMUM, Interval, paired_bootstrap
from leitai.data.texts import CODE_LANGUAGE, Text
from leitai.text import Tokenizer
from leitai.text.languages import LANGUAGES, split_languages
from leitai.text.surrogates import repair

RESAMPLES = 1_999
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Packing:
    """How one tokenizer packs the texts of one language in one data set.

    Attributes:
        data: name of the data.
        language: ``zh``, ``en``, ``other`` or ``code``.
        tokenizer: its name.
        texts: how many.
        characters: Unicode code points.
        bytes: of UTF-8.
        tokens: all texts encoded one by one, without any special token.
        characters_interval: of characters per token, 95 %; None for fewer than 20 texts.
        relative: tokens, as a multiple of the first tokenizer's.
        relative_interval: of that multiple, 95 %; None as above and for the first tokenizer.
    """

    data: str
    language: str
    tokenizer: str
    texts: int
    characters: int
    bytes: int
    tokens: int
    characters_interval: Interval | None
    relative: float
    relative_interval: Interval | None

    @property
    def characters_per_token(self) -> float:
        """How many characters a token holds."""
        return self.characters / self.tokens

    @property
    def bytes_per_token(self) -> float:
        """How many bytes of UTF-8 a token holds."""
        return self.bytes / self.tokens

    @property
    def tokens_per_thousand(self) -> float:
        """Tokens to a thousand characters."""
        return 1000 * self.tokens / self.characters

    def cost_per_thousand(self, price: float) -> float:
        """Cost of a thousand characters at a price for a million tokens."""
        return price * self.tokens_per_thousand / 1e6

    def characters_in(self, context: int) -> int:
        """How many characters fit into so many tokens."""
        return int(context * self.characters_per_token)

    def to_dict(self, *, context: int, price: float | None = None) -> dict[str, Any]:
        """Return everything, for JSON.

        Args:
            context: tokens to be filled.
            price: of a million tokens, if there is one.
        """
        return asdict(self) | {
            "characters_per_token": self.characters_per_token,
            "bytes_per_token": self.bytes_per_token,
            "tokens_per_thousand_characters": self.tokens_per_thousand,
            "cost_per_thousand_characters": None
            if price is None
            else self.cost_per_thousand(price),
            "context": context,
            "characters_in_context": self.characters_in(context),
        }


def compare_tokenizers(
    texts: Mapping[str, Iterable[Text]],
    tokenizers: Mapping[str, Tokenizer],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[Packing]:
    """Encode texts with every tokenizer.

    A text with lines of several languages counts as one text in each of them.

    Args:
        texts: the texts of each data set by its name; where a language is not known, by script.
        tokenizers: by name; the first is what the others are compared with.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        By data, then language, then tokenizer, in the order given.

    Raises:
        LeitaiError: a data set has no text.
    """
    found = []
    for data, own in texts.items():
        by_language: dict[str, list[str]] = {}
        for text, known in own:
            whole: dict[str, str] = {}
            for language, part in [(known, text)] if known else split_languages(repair(text)):
                whole[language] = whole.get(language, "") + part
            for language, part in whole.items():
                if part.strip():
                    by_language.setdefault(language, []).append(part)
        if not by_language:
            raise LeitaiError("there is no text in it", where=data, remedy="give another")
        for language in dict.fromkeys((*LANGUAGES, CODE_LANGUAGE, *by_language)):
            if language in by_language:
                found += _pack(data, language, by_language[language], tokenizers, resamples, seed)
    return found


def _pack(
    data: str,
    language: str,
    texts: Sequence[str],
    tokenizers: Mapping[str, Tokenizer],
    resamples: int,
    seed: int,
) -> list[Packing]:
    characters = np.array([len(text) for text in texts], dtype=np.float64)
    size = sum(len(text.encode("utf-8")) for text in texts)
    first: NDArray[np.float64] | None = None
    found = []
    for name, tokenizer in tokenizers.items():
        tokens = np.array([len(ids) for ids in tokenizer.encode_batch(texts)], dtype=np.float64)
        others = tokens if first is None else first
        held = beside = None
        if len(texts) >= BOOTSTRAP_MINIMUM:
            drawn = paired_bootstrap(
                np.stack([characters, tokens], axis=1),
                np.stack([tokens, others], axis=1),
                resamples=resamples,
                seed=seed,
            )
            held = drawn.a.interval(ALPHA)
            beside = None if first is None else drawn.b.interval(ALPHA)
        found.append(
            Packing(
                data=data,
                language=language,
                tokenizer=name,
                texts=len(texts),
                characters=int(characters.sum()),
                bytes=size,
                tokens=int(tokens.sum()),
                characters_interval=held,
                relative=float(tokens.sum() / others.sum()),
                relative_interval=beside,
            )
        )
        first = others
    return found
