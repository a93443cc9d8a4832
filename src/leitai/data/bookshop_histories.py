"""The bookshop's readers: invented books, and purchases drawn by a fixed procedure.

The books are in `bookshop/books.jsonl`. The purchases are drawn when they are asked for, by SHA-256
of names and numbers, so that every machine has the same:

- A reader has a first and a second genre and buys 7 to 12 different books.
- Each book is of the first genre with probability 0.6, of the second with 0.3, else of any.
- Within a genre the i-th book in the file has weight ``1 / i^0.7``: some books are popular.
- The book that follows the reader's last one of that genre has four times its weight: who bought
  one goes on to the next.

So popularity, a neighbourhood, and the order of purchases each say something about the next one.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from leitai.data.bookshop_dialogues import FOLDER
from leitai.data.histories import (
    EXPLAINED,
    LISTED,
    drawn,
    leave_last_out,
    listed,
    next_item,
)
from leitai.data.lines import read_jsonl
from leitai.data.rows import Row
from leitai.data.wordings import asked, wording

READERS = 150
OFFERED = 10
"""How many books the listed view offers, the next one among them."""

_REASONS = {"zh": "因为您买过《{book}》。", "en": "Because you bought {book}."}


@dataclass(frozen=True, slots=True)
class Book:
    """An invented book; its titles by language."""

    id: str
    genre: str
    zh: str
    en: str

    def title(self, language: str) -> str:
        """Return the title in a language."""
        return self.zh if language == "zh" else self.en


@cache
def books() -> tuple[Book, ...]:
    """Return the catalogue, genre by genre."""
    return tuple(Book(**record) for _, record in read_jsonl(FOLDER / "books.jsonl"))


@cache
def purchases() -> dict[str, tuple[Book, ...]]:
    """Return what each reader bought, in order."""
    genres = list(dict.fromkeys(book.genre for book in books()))
    shelves = {genre: [book for book in books() if book.genre == genre] for genre in genres}
    return {
        f"reader-{number:03d}": _bought(f"reader-{number:03d}", genres, shelves)
        for number in range(1, READERS + 1)
    }


def _bought(reader: str, genres: list[str], shelves: dict[str, list[Book]]) -> tuple[Book, ...]:
    first = int(_share(reader, "first") * len(genres))
    second = (first + 1 + int(_share(reader, "second") * (len(genres) - 1))) % len(genres)
    length = 7 + int(_share(reader, "length") * 6)
    basket: list[Book] = []
    last: dict[str, int] = {}
    step = 0
    while len(basket) < length:
        step += 1
        taste = _share(reader, "genre", step)
        genre = genres[first] if taste < 0.6 else genres[second]
        if taste >= 0.9:
            genre = genres[int(_share(reader, "any", step) * len(genres))]
        shelf = shelves[genre]
        weights = [
            (4.0 if place == last.get(genre, -2) + 1 else 1.0) / (place + 1) ** 0.7
            for place in range(len(shelf))
        ]
        target = _share(reader, "book", step) * sum(weights)
        place = 0
        while target > weights[place]:
            target -= weights[place]
            place += 1
        if shelf[place] not in basket:
            basket.append(shelf[place])
            last[genre] = place
    return tuple(basket)


def _share(*key: str | int) -> float:
    """Return a number in [0, 1) that depends on the key alone."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def recommendations(number: int) -> Iterator[Row]:
    """Yield "which book comes next", with the whole catalogue as candidates, in both languages.

    Raises:
        LeitaiError: there is no such template.
    """
    for language in ("zh", "en"):
        catalogue = [book.title(language) for book in books()]
        for reader, bought in purchases().items():
            yield from next_item(
                reader,
                [book.title(language) for book in bought],
                medium="book",
                language=language,
                number=number,
                source=f"bookshop, {reader}",
                catalogue=catalogue,
            )


def listed_recommendations(number: int) -> Iterator[Row]:
    """Yield "which of these ten", the next book among others that the reader has not bought.

    Raises:
        LeitaiError: there is no such template.
    """
    for language in ("zh", "en"):
        template = wording(LISTED, language, number, "recommendation_listed")
        for reader, bought in purchases().items():
            new = [book.id for book in books() if book not in bought]
            by_id = {book.id: book for book in books()}
            for split, before, target in leave_last_out([book.id for book in bought]):
                others = drawn(new, OFFERED - 1, reader, split)
                offered = drawn([*others, target], OFFERED, reader, split, "order")
                titles = [by_id[name].title(language) for name in offered]
                history = [by_id[name].title(language) for name in before]
                yield asked(
                    f"{reader}-{split}-{language}",
                    template.format(history=listed(history), candidates=listed(titles)),
                    by_id[target].title(language),
                    source=f"bookshop, {reader}",
                    language=language,
                    group=f"{reader}-{split}",
                    split=split,
                    facts={"history": history, "candidates": titles},
                )


def explained_recommendations(number: int) -> Iterator[Row]:
    """Yield "which book and why"; the reason names the last book of the same genre, or the last.

    Raises:
        LeitaiError: there is no such template.
    """
    for language in ("zh", "en"):
        template = wording(EXPLAINED, language, number, "recommendation_reasons")
        catalogue = [book.title(language) for book in books()]
        by_id = {book.id: book for book in books()}
        for reader, bought in purchases().items():
            for split, before, target in leave_last_out([book.id for book in bought]):
                book = by_id[target]
                near = [name for name in before if by_id[name].genre == book.genre] or before
                reason = _REASONS[language].format(book=by_id[near[-1]].title(language))
                history = [by_id[name].title(language) for name in before]
                yield asked(
                    f"{reader}-{split}-{language}",
                    template.format(history=listed(history)),
                    f"{book.title(language)}\n{reason}",
                    source=f"bookshop, {reader}",
                    language=language,
                    group=f"{reader}-{split}",
                    split=split,
                    facts={"history": history, "candidates": catalogue},
                )
