"""A data source to rows: read, checked, labelled, divided."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.base.files import hash_value, read_json
from leitai.data import bookshop
from leitai.data.catalogue import find_file, public_set, resolve_data_root
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
from leitai.data.rows import Message, Row
from leitai.data.source import SPLIT_NAMES, Columns, DataSource, Split, SplitName
from leitai.data.splits import assign_splits, content_key, take_few

_SPLIT_WORDS: dict[str, SplitName] = {
    **{name: name for name in SPLIT_NAMES},
    "training": "train",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
}
_PLACEHOLDER = re.compile(r"\{\{ *\w+ *\}\}")


@dataclass(frozen=True, slots=True)
class _File:
    """One file to read and how: the source's own choices, or the catalogue's."""

    path: Path
    shown: str
    split: SplitName | None
    format: str | None
    columns: Columns
    language: str | None
    parts: dict[str, SplitName]


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
    notes = [] if notes is None else notes
    if source.set == "bookshop":
        rows = list(bookshop.rows(source.view or "intents"))
    else:
        rows = [
            row for file in _files(source, base_folder, data_root) for row in _read(file, notes)
        ]
    if source.language is not None:
        rows = [row for row in rows if row.language in (None, source.language)]
        rows = [replace(row, language=source.language) for row in rows]
    _check_set(source, rows, notes)
    if source.labels is not None or source.set is not None:
        _check_labels(source, rows, base_folder, data_root)
    if source.instruction is not None:
        rows = [_instruct(row, source.instruction) for row in rows]
    split = source.split
    if split is None and source.set not in (None, "bookshop"):
        split = public_set(str(source.set)).split
    if split is not None:
        rows = assign_splits(rows, split)
    seed = split.seed if split else Split().seed
    return take_few(rows, limit=source.limit, per_label=source.per_label, seed=seed)


def labels_of(
    source: DataSource, rows: Sequence[Row], *, base_folder: Path, data_root: Path | None = None
) -> tuple[str, ...]:
    """Return the labels: in the declared order if there is one, else those of the rows, sorted.

    Raises:
        LeitaiError: the list of labels is missing, empty, or names one twice.
    """
    declared = _declared_labels(source, base_folder, data_root)
    return declared or tuple(sorted({row.label for row in rows if row.label is not None}))


def data_hash(rows: Sequence[Row]) -> str:
    """Return the SHA-256 of the rows: all but the place where they stand."""
    digest = hashlib.sha256()
    for row in rows:
        parts = [row.id, row.messages, row.label, row.language, row.group, row.split, row.tools]
        digest.update(hash_value(parts).encode())
    return digest.hexdigest()


def _files(source: DataSource, base_folder: Path, data_root: Path | None) -> Iterator[_File]:
    if source.set is not None:
        entry = public_set(source.set)
        for name, split in entry.tables:
            path = find_file(entry, name, data_root)
            shown = f"{entry.name}/{path.name}"
            yield _File(path, shown, split, "labels", entry.columns, entry.language, entry.parts)
        return
    paths: list[tuple[SplitName | None, str]] = (
        [(None, source.path)] if isinstance(source.path, str) else [*(source.path or {}).items()]
    )
    for split, name in paths:
        path = _find(name, base_folder, data_root)
        yield _File(path, name, split, source.format, source.columns, None, {})


def _find(name: str, base_folder: Path, data_root: Path | None) -> Path:
    beside = base_folder / Path(name).expanduser()
    below = resolve_data_root(data_root) / name
    for path in (beside, below):
        if path.exists():
            return path
    raise LeitaiError(
        f"no such file (nor {below})",
        where=beside,
        remedy="give a path relative to the spec's folder, or to --data-root",
    )


def _read(file: _File, notes: list[str]) -> Iterator[Row]:
    columns, form, seen = file.columns, file.format, Counter[str]()
    placeholders = 0
    for where, record, key in read_records(file.path):
        refuse_preferences(record, where)
        if form is None:
            named = columns.text or columns.label
            form = "labels" if named else guess_format(record, where)
            notes.append(f"{file.shown}: read as {form}")
        if form == "labels" and not (columns.text and columns.label):
            columns = _guess_columns(columns, record, where)
        example = _example(form, record, where, columns)
        identity = _optional(record, columns.id, where)
        if identity is None:
            identity = content_key_of(example)
            seen[identity] += 1
            identity += f"-{seen[identity]}" if seen[identity] > 1 else ""
        placeholders += bool(_PLACEHOLDER.search(str(example.messages[-1].get("content"))))
        yield Row(
            id=identity,
            messages=example.messages,
            source=where.replace(str(file.path), file.shown, 1),
            label=example.label,
            language=_optional(record, columns.language, where) or file.language,
            group=_optional(record, columns.group, where),
            split=file.split or _split_of(record, columns.split, key, file.parts, where),
            tools=example.tools,
        )
    if placeholders:
        notes.append(
            f"{file.shown}: {placeholders:,} answers hold a placeholder such as {{{{name}}}}"
        )


def content_key_of(example: Example) -> str:
    """Return a short id made of the content: the same row, the same id, wherever it stands."""
    row = Row(id="", messages=example.messages, source="", tools=example.tools)
    return content_key(row)[:16]


def _guess_columns(columns: Columns, record: dict[str, Any], where: str) -> Columns:
    text = columns.text or guess_column("text", TEXT_NAMES, record, where)
    label = columns.label or guess_column("label", LABEL_NAMES, record, where)
    return columns.model_copy(update={"text": text, "label": label})


def _example(form: str, record: dict[str, Any], where: str, columns: Columns) -> Example:
    if form == "labels":
        return read_labelled(record, where, text=columns.text or "", label=columns.label or "")
    return DIALOGUE_READERS[form](record, where)


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
                remedy="make ids unique, or leave columns.id out",
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


def _declared_labels(
    source: DataSource, base_folder: Path, data_root: Path | None
) -> tuple[str, ...] | None:
    if isinstance(source.labels, tuple):
        labels, where = source.labels, f"{source.name}, labels"
    elif isinstance(source.labels, str):
        path = _find(source.labels, base_folder, data_root)
        labels, where = _label_file(path), str(path)
    elif source.set == "bookshop":
        return tuple(i.id for i in bookshop.intents()) if source.view != "replies" else None
    elif source.set is not None and (entry := public_set(source.set)).labels is not None:
        path = find_file(entry, entry.labels, data_root)
        labels, where = _label_file(path), str(path)
    else:
        return None
    twice = next((label for label, n in Counter(labels).items() if n > 1), None)
    if twice is not None:
        raise LeitaiError(f'the label "{twice}" stands twice', where=where, remedy="list it once")
    if len(labels) < 2:
        raise LeitaiError("fewer than two labels", where=where, remedy="list all labels")
    return labels


def _label_file(path: Path) -> tuple[str, ...]:
    values = read_json(path)
    if not isinstance(values, list) or not all(isinstance(v, str) and v.strip() for v in values):
        raise LeitaiError("expected a JSON list of labels", where=path, remedy='["a", "b"]')
    return tuple(values)


def _check_labels(
    source: DataSource, rows: Sequence[Row], base_folder: Path, data_root: Path | None
) -> None:
    declared = _declared_labels(source, base_folder, data_root)
    if declared is None:
        return
    allowed = set(declared)
    for row in rows:
        if row.label not in allowed:
            what = (
                "a row without a label"
                if row.label is None
                else f'the label "{row.label}" is not in the list{nearest(row.label, declared)}'
            )
            raise LeitaiError(
                what, where=row.source, remedy=f"use one of the {len(declared)} labels, or add it"
            )


def _instruct(row: Row, instruction: str) -> Row:
    messages: list[Message] = [dict(message) for message in row.messages]
    user = next(message for message in messages if message["role"] == "user")
    user["content"] = f"{instruction}\n\n{user['content']}"
    return replace(row, messages=tuple(messages))
