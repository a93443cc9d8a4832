"""The language of a text by its script."""

import re
from collections.abc import Iterator

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_LETTERS_PER_HAN = 3  # an ideograph weighs as much as this many letters
LANGUAGES = ("zh", "en", "other")


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
