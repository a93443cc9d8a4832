"""One file to rows: format, columns, ids, language, group and split."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.data.dialogue import nearest
from leitai.data.files import read_records
from leitai.data.formats import (
    DIALOGUE_READERS,
    LABEL_NAMES,
    TEXT_NAMES,
    Example,
    guess_column,
    guess_format,
    missing,
    read_labelled,
    refuse_preferences,
)
from leitai.data.preferences import PREFERENCE_READERS
from leitai.data.questions import Asking, read_question, settle_columns
from leitai.data.rows import Row
from leitai.data.source import SPLIT_NAMES, Columns, SplitName
from leitai.data.splits import content_key

_SPLIT_WORDS: dict[str, SplitName] = {
    **{name: name for name in SPLIT_NAMES},
    "training": "train",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
}
_READERS = DIALOGUE_READERS | PREFERENCE_READERS
_PLACEHOLDER = re.compile(r"\{\{ *\w+ *\}\}")


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file and how to read it: by the source's own choices, or by the catalogue's.

    Attributes:
        path: where it is.
        shown: what a row's source calls it: a name that is the same on every machine.
        split: of all its rows, if it is one split.
        format: None to guess.
        columns: names of columns.
        language: of rows that state none.
        parts: for an object of lists: list name to split.
        ask: of questions: how they are put.
    """

    path: Path
    shown: str
    split: SplitName | None
    format: str | None
    columns: Columns
    language: str | None
    parts: dict[str, SplitName]
    ask: Asking | None = None


def read_rows(file: DataFile, notes: list[str], seen: Counter[str]) -> list[Row]:
    """Read and check all rows of a file.

    Args:
        file: what to read, and how.
        notes: gets what is worth knowing.
        seen: how often each content has been met so far, over all files of a source.

    Raises:
        LeitaiError: the file cannot be read, or rows are wrong: tells of the first and counts all.
    """
    rows: list[Row] = []
    first: LeitaiError | None = None
    wrong = 0
    reader = _RowReader(file, notes, seen)
    for where, record, key in read_records(file.path):
        try:
            rows.append(reader.row(where, record, key))
        except LeitaiError as error:
            if not rows and first is None:
                raise  # the very first row: the choice of format or columns is to blame
            first = first or error
            wrong += 1
    if first is not None:
        others = f"; {wrong:,} rows have mistakes in all" if wrong > 1 else ""
        raise LeitaiError(first.what, where=first.where, remedy=f"{first.remedy}{others}")
    placeholders = sum(bool(_PLACEHOLDER.search(_answer(row))) for row in rows)
    if placeholders:
        notes.append(
            f"{file.shown}: {placeholders:,} answers hold a placeholder such as {{{{name}}}}"
        )
    return rows


def _answer(row: Row) -> str:
    return str(row.messages[-1].get("content"))


_OWN_NAMES = ("id", "language")  # used without being named, when the first record has them


class _RowReader:
    """Makes rows of a file's records; settles format and columns at the first one."""

    def __init__(self, file: DataFile, notes: list[str], seen: Counter[str]) -> None:
        self.file = file
        self.notes = notes
        self.format = file.format
        self.columns = file.columns
        self.seen = seen
        self.settled = False

    def row(self, where: str, record: dict[str, Any], key: str | None) -> Row:
        if self.format not in PREFERENCE_READERS:
            refuse_preferences(record, where)
        self._settle(record, where)
        columns = self.columns
        example = self._example(record, where)
        return Row(
            id=self._id(record, where) or self._content_id(example),
            messages=example.messages,
            source=where.replace(str(self.file.path), self.file.shown, 1),
            label=example.label,
            language=_optional(record, columns.language, where) or self.file.language,
            group=_optional(record, columns.group, where),
            split=self.file.split or _split_of(record, columns.split, key, self.file.parts, where),
            tools=example.tools,
            rejected=example.rejected,
            desirable=example.desirable,
            facts=example.facts,
        )

    def _settle(self, record: dict[str, Any], where: str) -> None:
        if self.format is None:
            named = self.columns.text or self.columns.label
            self.format = "labels" if named else guess_format(record, where)
            self.notes.append(f"{self.file.shown}: read as {self.format}")
        if not self.settled:
            own = {n: n for n in _OWN_NAMES if n in record and getattr(self.columns, n) is None}
            self.columns = self.columns.model_copy(update=own)
            if self.format == "questions":
                self.columns = settle_columns(self.columns, record, self.file.ask, where)
            self.settled = True
        if self.format == "labels" and not (self.columns.text and self.columns.label):
            text = self.columns.text or guess_column("text", TEXT_NAMES, record, where)
            label = self.columns.label or guess_column("label", LABEL_NAMES, record, where)
            self.columns = self.columns.model_copy(update={"text": text, "label": label})

    def _example(self, record: dict[str, Any], where: str) -> Example:
        if self.format == "questions":
            language = _optional(record, self.columns.language, where) or self.file.language
            ask = self.file.ask
            return read_question(record, where, columns=self.columns, ask=ask, language=language)
        text, label = self.columns.text, self.columns.label
        if self.format == "labels" and text and label:
            return read_labelled(record, where, text=text, label=label)
        return _READERS[str(self.format)](record, where)

    def _id(self, record: dict[str, Any], where: str) -> str | None:
        """Return the row's own id; files of one split each may count from 0, each for itself."""
        identity = _optional(record, self.columns.id, where)
        return f"{self.file.split}/{identity}" if identity and self.file.split else identity

    def _content_id(self, example: Example) -> str:
        """Return an id made of the content: the same row has the same id wherever it stands."""
        bare = Row(
            id="",
            messages=example.messages,
            source="",
            tools=example.tools,
            rejected=example.rejected,
            desirable=example.desirable,
        )
        identity = content_key(bare)[:16]
        self.seen[identity] += 1
        return identity + (f"-{self.seen[identity]}" if self.seen[identity] > 1 else "")


def _optional(record: dict[str, Any], name: str | None, where: str) -> str | None:
    """Return the text in an optional column, or None where the column is not asked for."""
    if name is None:
        return None
    if name not in record:
        raise missing(name, record, where)
    value = record[name]
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise LeitaiError(
            f"expected text, found {type(value).__name__}",
            where=f'{where}, field "{name}"',
            remedy="write it as a string",
        )
    return str(value).strip()


def _split_of(
    record: dict[str, Any],
    column: str | None,
    key: str | None,
    parts: dict[str, SplitName],
    where: str,
) -> SplitName | None:
    word = _optional(record, column, where) or key
    if word is None:
        return None
    found = parts.get(word) or _SPLIT_WORDS.get(word.lower())
    if found is None:
        raise LeitaiError(
            f'unknown split "{word}"{nearest(word, _SPLIT_WORDS)}',
            where=where,
            remedy=f"use {', '.join(SPLIT_NAMES)}",
        )
    return found
