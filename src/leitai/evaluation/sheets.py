"""Blind sheets for people: two answers to each item in a seeded order, without names."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from leitai.base.errors import LeitaiError
from leitai.base.files import hash_value, write_text
from leitai.data.files import read_records
from leitai.evaluation.judging import Judgement, Outcome, Preference, pair
from leitai.evaluation.records import ItemRecord

COLUMNS = ("item", "question", "answer_1", "answer_2", "better")
"""`better` is left empty for people to fill in: 1, 2 or tie (一, 二, 平)."""

_WORDS: Mapping[str, int] = {"1": 1, "一": 1, "2": 2, "二": 2, "tie": 0, "平": 0, "0": 0}


def write_sheet(
    path: Path, a: Sequence[ItemRecord], b: Sequence[ItemRecord], *, seed: int = 0
) -> int:
    """Write a sheet to be filled in, and return its number of rows.

    Items and the two answers stand in an order that follows from the seed and the items' ids; the
    sheet does not say whose answer is whose. Items with equal answers are left out: they are ties.

    Args:
        path: a .csv file.
        a: records of the one contender.
        b: of the other; the same items.
        seed: of the order; the same one is needed to read the sheet.

    Raises:
        LeitaiError: the records are of different items, or the file cannot be written.
    """
    pairs = [(one, other) for one, other in pair(a, b) if one.answer != other.answer]
    pairs.sort(key=lambda both: hash_value([seed, "sheet", both[0].id]))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one, other in pairs:
        first, second = (other, one) if _turned(one.id, seed) else (one, other)
        writer.writerow([one.id, one.input, first.answer, second.answer, ""])
    write_text(path, buffer.getvalue())
    return len(pairs)


def read_sheet(
    path: Path, a: Sequence[ItemRecord], b: Sequence[ItemRecord], *, seed: int = 0
) -> Judgement:
    """Read a filled sheet; rows that were left empty are left out.

    Raises:
        LeitaiError: the sheet is of other records or another seed, or a verdict cannot be read;
            names the line.
    """
    known = {one.id: (one, other) for one, other in pair(a, b)}
    found = [
        Preference(one.id, "tie", 2, True, one.slices, one.group)
        for one, other in known.values()
        if one.answer == other.answer
    ]
    for where, row, _ in read_records(path):
        identity, word = str(row.get("item")), str(row.get("better") or "").strip().casefold()
        if identity not in known:
            raise LeitaiError(
                f'no item "{identity}" in these records', where=where, remedy="name the right run"
            )
        one, other = known[identity]
        first, second = (other, one) if _turned(identity, seed) else (one, other)
        if (row.get("answer_1"), row.get("answer_2")) != (first.answer, second.answer):
            raise LeitaiError(
                "the answers are not those of the records in the seed's order",
                where=where,
                remedy="use the seed of the sheet, and leave its answers as they are",
            )
        if not word:
            continue
        if word not in _WORDS:
            raise LeitaiError(
                f'"{word}" is no verdict', where=where, remedy="write 1, 2 or tie in `better`"
            )
        found.append(
            Preference(identity, _outcome(word, identity, seed), 2, True, one.slices, one.group)
        )
    return Judgement(tuple(found))


def _turned(identity: str, seed: int) -> bool:
    return int(hash_value([seed, "order", identity])[:8], 16) % 2 == 1


def _outcome(word: str, identity: str, seed: int) -> Outcome:
    place = _WORDS[word]
    if place == 0:
        return "tie"
    return "b" if (place == 1) == _turned(identity, seed) else "a"
