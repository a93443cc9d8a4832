"""Ratings to histories: MovieLens (.dat and .csv) and goodbooks-10k, each as it is published."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from leitai.base.errors import LeitaiError
from leitai.data.histories import SHORTEST, next_item, unique_titles
from leitai.data.lines import open_bytes
from leitai.data.public import Find, PublicSet
from leitai.data.rows import Row
from leitai.data.tables import read_csv

LIKED = 4.0
"""The lowest rating, of 5, that counts as liking; the usual reading of explicit ratings."""

Rating = tuple[str, str, float, int]
"""User, item, rating, and a number that orders a user's ratings in time."""


def histories(ratings: Iterator[Rating], titles: dict[str, str]) -> dict[str, list[str]]:
    """Return the titles that each user liked, in order; users with fewer than five are left out.

    Args:
        ratings: in any order.
        titles: by item; ratings of other items are passed over.
    """
    liked: dict[str, list[tuple[int, int, str]]] = {}
    for place, (user, item, rating, time) in enumerate(ratings):
        if rating >= LIKED and item in titles:
            liked.setdefault(user, []).append((time, place, titles[item]))
    return {
        user: [title for _, _, title in sorted(found)]
        for user, found in liked.items()
        if len(found) >= SHORTEST
    }


def read_dat(path: Path, fields: int) -> Iterator[tuple[str, list[str]]]:
    """Yield (place, fields) of MovieLens' .dat files: ISO 8859-1, parted by "::".

    Raises:
        LeitaiError: the file cannot be read, or a line has another number of fields.
    """
    with open_bytes(path) as file:
        for line, raw in enumerate(file, 1):
            parts = raw.decode("latin-1").rstrip("\r\n").split("::")
            if len(parts) != fields:
                raise LeitaiError(
                    f"{len(parts)} fields where {fields} are expected",
                    where=f"{path}, line {line}",
                    remedy="take the published file",
                )
            yield f"{path}, line {line}", parts


def _either(find: Find, name: str) -> Path:
    try:
        return find(f"{name}.csv")
    except LeitaiError:
        return find(f"{name}.dat")


def movielens_titles(find: Find) -> dict[str, str]:
    """Return the title, with its year, of every film by its id.

    Raises:
        LeitaiError: neither movies.csv nor movies.dat is there, or it is of another format.
    """
    path = _either(find, "movies")
    if path.name.startswith("movies.dat"):
        found = {parts[0]: (parts[1], parts[2]) for _, parts in read_dat(path, 3)}
    else:
        found = {
            _field(record, "movieId", where): (_field(record, "title", where), record["genres"])
            for where, record in read_csv(path)
        }
    return unique_titles(found)


def _movielens_ratings(find: Find) -> Iterator[Rating]:
    path = _either(find, "ratings")
    if path.name.startswith("ratings.dat"):
        for where, (user, item, rating, time) in read_dat(path, 4):
            yield user, item, _number(rating, where), int(_number(time, where))
        return
    for where, record in read_csv(path):
        user, item, rating, time = (
            _field(record, name, where) for name in ("userId", "movieId", "rating", "timestamp")
        )
        yield user, item, _number(rating, where), int(_number(time, where))


def goodbooks_titles(find: Find) -> dict[str, str]:
    """Return the title of every book by its id.

    Raises:
        LeitaiError: books.csv is missing or of another format.
    """
    return unique_titles(
        {
            _field(record, "book_id", where): (
                _field(record, "title", where),
                _field(record, "authors", where),
            )
            for where, record in read_csv(find("books.csv"))
        }
    )


def _goodbooks_ratings(find: Find) -> Iterator[Rating]:
    # The file has no times; it is sorted by time.
    for place, (where, record) in enumerate(read_csv(find("ratings.csv"))):
        rating = _number(_field(record, "rating", where), where)
        yield _field(record, "user_id", where), _field(record, "book_id", where), rating, place


def movielens(find: Find, number: int) -> Iterator[Row]:
    """Yield "which film next" for every user with at least five films rated 4 or better.

    Raises:
        LeitaiError: a file is missing or damaged, or there is no such template.
    """
    found = histories(_movielens_ratings(find), movielens_titles(find))
    for user, items in found.items():
        yield from next_item(
            f"user-{user}",
            items,
            medium="film",
            language="en",
            number=number,
            source=f"movielens, user {user}",
        )


def goodbooks(find: Find, number: int) -> Iterator[Row]:
    """Yield "which book next" for every user with at least five books rated 4 or better.

    Raises:
        LeitaiError: a file is missing or damaged, or there is no such template.
    """
    found = histories(_goodbooks_ratings(find), goodbooks_titles(find))
    for user, items in found.items():
        yield from next_item(
            f"user-{user}",
            items,
            medium="book",
            language="en",
            number=number,
            source=f"goodbooks, user {user}",
        )


def same_author(find: Find, number: int) -> Iterator[Row]:
    """Yield histories that need no users: an author's books by year, which comes next?

    It asks what a model knows of a real catalogue of ten thousand books, not what anybody bought.
    Authors with fewer than five books are left out.

    Raises:
        LeitaiError: books.csv is missing or damaged, or there is no such template.
    """
    titles = goodbooks_titles(find)
    shelf: list[tuple[str, float, str]] = []
    for where, record in read_csv(find("books.csv")):
        if year := record.get("original_publication_year", ""):
            author = _field(record, "authors", where)
            shelf.append((author, _number(year, where), titles[record["book_id"]]))
    for author, books in groupby(sorted(shelf), key=lambda book: book[0]):
        items = [title for _, _, title in books]
        if len(items) >= SHORTEST:
            yield from next_item(
                author,
                items,
                medium="book",
                language="en",
                number=number,
                source=f"goodbooks/books.csv, books by {author}",
            )


def _field(record: dict[str, str], name: str, where: str) -> str:
    if name not in record:
        raise LeitaiError(
            f'no column "{name}"', where=where, remedy=f"present are: {', '.join(record)}"
        )
    return record[name]


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise LeitaiError(f"{text!r} is no number", where=where, remedy="repair it") from error


def _film_titles(find: Find) -> Sequence[str]:
    return tuple(movielens_titles(find).values())


def _book_titles(find: Find) -> Sequence[str]:
    return tuple(goodbooks_titles(find).values())


MOVIELENS = PublicSet(
    name="movielens",
    title="films that users rated, as GroupLens publishes them (not downloaded: research use only)",
    licence="LicenseRef-MovieLens",
    repository="",
    commit="",
    files=(),
    language="en",
    views={"recommendation": movielens},
    catalogue=_film_titles,
)
GOODBOOKS = PublicSet(
    name="goodbooks",
    title="ten thousand popular books; the second view needs ratings.csv",
    licence="CC-BY-SA-4.0",
    repository="zygmuntz/goodbooks-10k",
    commit="6dd165b555a7",
    files=(),
    language="en",
    views={"same_author": same_author, "recommendation": goodbooks},
    catalogue=_book_titles,
)
