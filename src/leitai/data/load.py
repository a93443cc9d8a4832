"""A data source to rows: read, checked, labelled, divided."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.base.files import hash_value
from leitai.data import bookshop
from leitai.data.catalogue import public_set
from leitai.data.labels import check_labels, declared_labels, find_path
from leitai.data.public import find_file, unknown_view
from leitai.data.reading import DataFile, read_rows
from leitai.data.rows import Message, Row, row_with
from leitai.data.source import DataSource, SplitName
from leitai.data.splits import assign_splits, judgement, take_few


def load_rows(
    source: DataSource,
    *,
    base_folder: Path,
    data_root: Path | None = None,
    notes: list[str] | None = None,
) -> list[Row]:
    """Read, check and divide the rows of a source.

    Args:
        source: what to read.
        base_folder: where relative paths start, usually the spec's folder.
        data_root: where public sets lie; None: see `resolve_data_root`.
        notes: a list that gets one line for each thing worth knowing that is no error.

    Raises:
        LeitaiError: the first mistake found: names file, line, field and what to do.
    """
    if source.format == "text":
        raise LeitaiError(
            "plain text, where dialogues are needed",
            where=source.name,
            remedy="use it with `leitai train` and adapt.objective.name pretraining",
        )
    notes = [] if notes is None else notes
    if source.set == "bookshop":
        rows = list(bookshop.rows(source.view or "intents"))
    elif source.set is not None and (source.view or public_set(source.set).views):
        rows = _read_view(source, data_root)
    else:
        seen: Counter[str] = Counter()
        rows = [
            row
            for file in _files(source, base_folder, data_root)
            for row in read_rows(file, notes, seen)
        ]
    if source.language is not None:
        rows = [row for row in rows if row.language in (None, source.language)]
        rows = [replace(row, language=source.language) for row in rows]
    _check_set(source, rows, notes)
    if source.labels is not None or source.set is not None:
        check_labels(source, rows, base_folder, data_root)
    if source.instruction is not None:
        rows = [_instruct(row, source.instruction) for row in rows]
    rows = _divide(source, rows)
    return take_few(rows, limit=source.limit, per_label=source.per_label, seed=source.seed)


def labels_of(
    source: DataSource, rows: Sequence[Row], *, base_folder: Path, data_root: Path | None = None
) -> tuple[str, ...]:
    """Return the labels: in the declared order if there is one, else those of the rows, sorted.

    Raises:
        LeitaiError: the list of labels is missing, empty, or names one twice.
    """
    declared = declared_labels(source, base_folder, data_root)
    return declared or tuple(sorted({row.label for row in rows if row.label is not None}))


def data_hash(rows: Iterable[Row]) -> str:
    """Return the SHA-256 of the rows: all but the place where they stand."""
    digest = hashlib.sha256()
    for row in rows:
        parts: list[Any] = [
            row.id,
            row.messages,
            row.label,
            row.language,
            row.group,
            row.split,
            row.tools,
        ]
        parts += judgement(row)
        if row.facts:
            parts.append(row.facts)
        digest.update(hash_value(parts).encode())
    return digest.hexdigest()


def _read_view(source: DataSource, data_root: Path | None) -> list[Row]:
    entry = public_set(str(source.set))
    view = source.view or next(iter(entry.views))  # one of the two is there
    if view not in entry.views:
        raise unknown_view(entry.name, view, entry.views)
    return list(entry.views[view](lambda name: find_file(entry, name, data_root), source.template))


def _files(source: DataSource, base_folder: Path, data_root: Path | None) -> Iterator[DataFile]:
    if source.set is not None:
        entry = public_set(source.set)
        for name, split in entry.tables:
            path = find_file(entry, name, data_root)
            shown = f"{entry.name}/{path.name}"
            yield DataFile(path, shown, split, "labels", entry.columns, entry.language, entry.parts)
        return
    paths: list[tuple[SplitName | None, str]] = (
        [(None, source.path)] if isinstance(source.path, str) else [*(source.path or {}).items()]
    )
    for split, name in paths:
        path = find_path(name, base_folder, data_root)
        yield DataFile(path, name, split, source.format, source.columns, None, {})


def _divide(source: DataSource, rows: list[Row]) -> list[Row]:
    split = source.split
    if split is None and source.set is not None and source.set != "bookshop":
        split = public_set(source.set).split
    if split is None:
        return rows
    divided = assign_splits(rows, split)
    if divided == rows:
        raise LeitaiError(
            "the data places all its rows in splits itself",
            where=f"{source.name}, split",
            remedy="remove split",
        )
    return divided


def _check_set(source: DataSource, rows: Sequence[Row], notes: list[str]) -> None:
    """Refuse what only the whole shows: no rows, one class, an id twice."""
    if not rows:
        what = "no rows" + (f' in language "{source.language}"' if source.language else "")
        raise LeitaiError(what, where=source.name, remedy="check the file and the language")
    first: dict[str, Row] = {}
    for row in rows:
        if row.id in first:
            raise LeitaiError(
                f'the id "{row.id}" stands already in {first[row.id].source}',
                where=row.source,
                remedy="make ids unique, or name the column that is as columns.id",
            )
        first[row.id] = row
    labels = {row.label for row in rows}
    if len(labels) == 1 and None not in labels:
        raise LeitaiError(
            f'all {len(rows):,} rows have the one label "{rows[0].label}"',
            where=source.name,
            remedy="give at least two classes",
        )
    _note_repeats(source, rows, notes)


def _note_repeats(source: DataSource, rows: Sequence[Row], notes: list[str]) -> None:
    first: dict[str, Row] = {}
    repeats = conflicts = 0
    example = ""
    for row in rows:
        question = str([message.get("content") for message in row.messages[:-1]])
        before = first.setdefault(question, row)
        if before is row:
            continue
        repeats += 1
        if before.messages[-1] != row.messages[-1]:
            conflicts += 1
            example = example or f"{before.source} and {row.source}"
    if repeats:
        notes.append(f"{source.name}: {repeats:,} rows repeat the question of an earlier row")
    if conflicts:
        notes.append(f"{source.name}: {conflicts:,} of them with another answer ({example})")


def _instruct(row: Row, instruction: str) -> Row:
    return row_with(row, lambda messages: _instructed(messages, instruction))


def _instructed(messages: tuple[Message, ...], instruction: str) -> tuple[Message, ...]:
    result: list[Message] = [dict(message) for message in messages]
    user = next(message for message in result if message["role"] == "user")
    user["content"] = f"{instruction}\n\n{user['content']}"
    return tuple(result)
