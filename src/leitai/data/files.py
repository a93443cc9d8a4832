"""Any file to records: by its suffix, packed with gzip or not."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.data.documents import read_json_rows
from leitai.data.lines import read_jsonl
from leitai.data.tables import read_csv, read_parquet, read_tsv

Place = tuple[str, Any, str | None]
"""Where a record stands, the record, and the name of the list that it is in, if it is in one."""


def _jsonl(path: Path) -> Iterator[Place]:
    return ((f"{path}, line {number}", value, None) for number, value in read_jsonl(path))


def _table(
    reader: Callable[[Path], Iterator[tuple[str, Any]]],
) -> Callable[[Path], Iterator[Place]]:
    return lambda path: ((where, record, None) for where, record in reader(path))


_READERS: dict[str, Callable[[Path], Iterator[Place]]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": read_json_rows,
    ".csv": _table(read_csv),
    ".tsv": _table(read_tsv),
    ".parquet": _table(read_parquet),
}


def read_records(path: Path) -> Iterator[tuple[str, dict[str, Any], str | None]]:
    """Yield (place, record, list name) of a .jsonl, .json, .csv, .tsv (each also .gz) or .parquet.

    A list of two texts, as some label tables have it, becomes ``{"text", "label"}``.

    Raises:
        LeitaiError: an unknown suffix, a damaged file, or a record that is no object.
    """
    suffixes = path.suffixes
    suffix = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else path.suffix
    reader = _READERS.get(suffix.lower())
    if reader is None or (suffix == ".parquet" and path.suffix == ".gz"):
        raise LeitaiError(
            f'cannot read files of type "{"".join(suffixes[-2:])}"',
            where=path,
            remedy=f"use {', '.join(_READERS)} (not .parquet also with .gz)",
        )
    for where, value, key in reader(path):
        record = value
        if isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value):
            record = {"text": value[0], "label": value[1]}
        if not isinstance(record, dict):
            raise LeitaiError(
                f"expected an object with fields, found {type(value).__name__}",
                where=where,
                remedy='write rows such as {"text": "...", "label": "..."}',
            )
        yield where, record, key
