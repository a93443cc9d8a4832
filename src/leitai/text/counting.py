"""How far text goes in each tokenizer: characters, bytes and tokens, by language."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from leitai.base.files import read_text
from leitai.text.surrogates import repair
from leitai.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from rich.console import RenderableType

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_LETTERS_PER_HAN = 3  # an ideograph weighs as much as this many letters
LANGUAGES = ("zh", "en", "other")


@dataclass(frozen=True, slots=True)
class TokenCount:
    """One file's text in one language, or in all.

    Attributes:
        file: name of the file.
        language: ``zh``, ``en``, ``other`` or ``all``.
        characters: Unicode code points, line ends included.
        bytes: bytes in UTF-8.
        tokens: tokens by tokenizer name.
    """

    file: str
    language: str
    characters: int
    bytes: int
    tokens: Mapping[str, int]

    def characters_per_token(self, name: str) -> float:
        """Return how many characters a token of the tokenizer `name` holds."""
        return self.characters / self.tokens[name] if self.tokens[name] else 0.0


def language_of(line: str) -> str | None:
    """Tell a line's language by its script; None for a line without text.

    A line with Han ideographs is Chinese unless Latin letters outnumber them threefold, so that a
    Chinese sentence with a product's name in it stays Chinese.
    """
    han, latin = len(_HAN.findall(line)), len(_LATIN.findall(line))
    if han and han * _LETTERS_PER_HAN >= latin:
        return "zh"
    if latin:
        return "en"
    return "other" if line.strip() else None


def split_languages(text: str) -> Iterator[tuple[str, str]]:
    """Cut text into runs of lines of one language; lines without text stay with those before."""
    run: list[str] = []
    current: str | None = None
    for line in text.splitlines(keepends=True):
        language = language_of(line)
        if language is not None and current is not None and language != current:
            yield current, "".join(run)
            run = []
        run.append(line)
        current = language or current
    if run:
        yield current or "other", "".join(run)


def count_text(file: str, text: str, tokenizers: Mapping[str, Tokenizer]) -> list[TokenCount]:
    """Count one text: one result per language found, then one for all.

    Args:
        file: its name.
        text: plain text.
        tokenizers: tokenizers by name.
    """
    runs: dict[str, list[str]] = {}
    for language, run in split_languages(repair(text)):
        runs.setdefault(language, []).append(run)
    counts = [
        TokenCount(
            file,
            language,
            sum(map(len, runs[language])),
            sum(len(run.encode("utf-8")) for run in runs[language]),
            {
                name: sum(map(len, tokenizer.encode_batch(runs[language])))
                for name, tokenizer in tokenizers.items()
            },
        )
        for language in LANGUAGES
        if language in runs
    ]
    return [*counts, _add(file, "all", counts, tokenizers)]


def _add(
    file: str, language: str, counts: Iterable[TokenCount], names: Iterable[str]
) -> TokenCount:
    counts = list(counts)
    return TokenCount(
        file,
        language,
        sum(count.characters for count in counts),
        sum(count.bytes for count in counts),
        {name: sum(count.tokens[name] for count in counts) for name in names},
    )


def count_files(paths: Sequence[Path], tokenizers: Mapping[str, Tokenizer]) -> list[TokenCount]:
    """Count UTF-8 text files, and all of them together where there are several.

    Raises:
        LeitaiError: a file is missing, larger than 64 MiB or not UTF-8.
    """
    counts: list[TokenCount] = []
    for path in paths:
        counts += count_text(str(path), read_text(path), tokenizers)
    if len(paths) < 2:
        return counts
    by_language = {
        language: [count for count in counts if count.language == language]
        for language in (*LANGUAGES, "all")
    }
    return counts + [
        _add("total", language, part, tokenizers) for language, part in by_language.items() if part
    ]


def counts_view(counts: Sequence[TokenCount]) -> "RenderableType":
    """Render counts as a table, with tokens and characters per token for each tokenizer."""
    from rich.table import Table

    names = list(counts[0].tokens) if counts else []
    table = Table("file", "language")
    for heading in ("characters", "bytes"):
        table.add_column(heading, justify="right")
    for name in names:
        table.add_column(f"{name} tokens", justify="right")
        table.add_column(f"{name} chars/token", justify="right")
    for count in counts:
        cells = [count.file, count.language, f"{count.characters:,}", f"{count.bytes:,}"]
        for name in names:
            cells += [f"{count.tokens[name]:,}", f"{count.characters_per_token(name):.3f}"]
        table.add_row(*cells)
    return table
