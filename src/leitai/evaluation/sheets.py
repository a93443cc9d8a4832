"""Blind sheets for people: two answers to each item in a seeded order, without names."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from leitai.base.errors import LeitaiError
from leitai.base.files import hash_value, write_text
from leitai.data.files import read_records
from leitai.evaluation.judging import TIE, Judgement, Paired, Place, Preference, paired, winner
from leitai.evaluation.records import ItemRecord

COLUMNS = ("item", "question", "answer_1", "answer_2", "better")
"""`better` is left empty for people to fill in: 1, 2 or tie (一, 二, 平)."""

_WORDS: Mapping[str, Place] = {
    **{"1": "first", "一": "first", "2": "second", "二": "second"},
    **{"tie": "tie", "平": "tie", "0": "tie"},
}

_Shown = tuple[str, str, str]
"""An item with the two answers as the sheet shows them."""


def write_sheet(path: Path, records: Mapping[str, Sequence[ItemRecord]], *, seed: int = 0) -> int:
    """Write a sheet to be filled in, and return its number of rows.

    Rows and the two answers of each stand in an order that follows from the seed, the item and the
    answers; the sheet does not say whose answer is whose, nor which contenders are compared. Equal
    answers are left out: they are ties. Two answers that several pairs of contenders gave stand
    there once, and the verdict counts for each.

    Args:
        path: a .csv file.
        records: of each contender by its key; the same items.
        seed: of the order; the same one is needed to read the sheet.

    Raises:
        LeitaiError: the records are of different items, or the file cannot be written.
    """
    questions: dict[_Shown, str] = {}
    for _, one, other in paired(records):
        if one.answer != other.answer:
            questions[_shown(one, other, seed)] = one.input
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for shown in sorted(questions, key=lambda shown: hash_value([seed, "sheet", *shown])):
        item, first, second = shown
        writer.writerow([item, questions[shown], first, second, ""])
    write_text(path, buffer.getvalue())
    return len(questions)


def read_sheet(
    path: Path, records: Mapping[str, Sequence[ItemRecord]], *, seed: int = 0
) -> Judgement:
    """Read a filled sheet.

    Rows that were left empty are left out, and then equal answers too: as ties of all items they
    would outweigh the judged ones.

    Raises:
        LeitaiError: the sheet is of other records or another seed, a verdict cannot be read, a row
            stands there twice, or none is filled in; names the line.
    """
    known: dict[_Shown, list[Paired]] = {}
    equal, found = [], []
    seen: set[_Shown] = set()
    judged: set[_Shown] = set()
    for keys, one, other in paired(records):
        if one.answer == other.answer:
            equal.append(Preference(one.id, keys, TIE, 2, True, one.slices, one.group))
        else:
            known.setdefault(_shown(one, other, seed), []).append((keys, one, other))
    items = {shown[0] for shown in known}
    for where, row, _ in read_records(path):
        item, word = str(row.get("item")), str(row.get("better") or "").strip().casefold()
        if item not in items:
            raise LeitaiError(
                f'no item "{item}" in these records', where=where, remedy="name the right run"
            )
        first, second = str(row.get("answer_1")), str(row.get("answer_2"))
        if (item, first, second) not in known:
            raise LeitaiError(
                "the answers are not those of the records in the seed's order",
                where=where,
                remedy="use the seed of the sheet, and leave its answers as they are",
            )
        if (item, first, second) in seen:
            raise LeitaiError(
                f'item "{item}" with these answers was there before',
                where=where,
                remedy="remove the second row",
            )
        seen.add((item, first, second))
        if not word:
            continue
        judged.add((item, first, second))
        if word not in _WORDS:
            raise LeitaiError(
                f'"{word}" is no verdict', where=where, remedy="write 1, 2 or tie in `better`"
            )
        for keys, one, _ in known[item, first, second]:
            shown = keys if one.answer == first else (keys[1], keys[0])
            outcome = winner(shown, _WORDS[word])
            found.append(Preference(item, keys, outcome, 2, True, one.slices, one.group))
    if known and not judged:
        raise LeitaiError(
            "no row is filled in", where=path, remedy="write 1, 2 or tie in the column `better`"
        )
    return Judgement((*found, *(equal if judged == known.keys() else ())))


def _shown(one: ItemRecord, other: ItemRecord, seed: int) -> _Shown:
    first, second = sorted((one.answer, other.answer))
    if int(hash_value([seed, "order", one.id, first, second])[:8], 16) % 2:
        first, second = second, first
    return one.id, first, second
