"""Tables to records: CSV and TSV (streamed), Parquet (in batches)."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.data.lines import LINE_LIMIT, read_lines


def read_csv(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (place, record) of a CSV file with a header (RFC 4180: fields may be quoted).

    Raises:
        LeitaiError: the header is missing or names a column twice, a row has another number of
            fields, or a quote is never closed; names the line.
    """
    return _read_delimited(path, dialect={"delimiter": ",", "strict": True})


def read_tsv(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (place, record) of a TSV file with a header; quotes are ordinary characters.

    Raises:
        LeitaiError: as `read_csv`.
    """
    return _read_delimited(path, dialect={"delimiter": "\t", "quoting": csv.QUOTE_NONE})


def _read_delimited(path: Path, dialect: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    last = 0

    def lines() -> Iterator[str]:
        nonlocal last
        for number, line in read_lines(path):
            last = number
            yield line

    csv.field_size_limit(LINE_LIMIT)  # the module's own limit of 128 KiB is too small for documents
    reader = csv.reader(lines(), **dialect)
    header: list[str] | None = None
    while True:
        first = last + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise LeitaiError(
                f"not valid CSV ({error})",
                where=f"{path}, line {first}",
                remedy="check the quotes of the row that starts there",
            ) from error
        if not fields:
            continue
        if header is None:
            header = _check_header(fields, path, first)
            continue
        where = f"{path}, line {first}"
        if len(fields) != len(header):
            raise LeitaiError(
                f"{len(fields)} fields where the header has {len(header)}",
                where=where,
                remedy="quote fields that hold the delimiter",
            )
        yield where, dict(zip(header, fields, strict=True))


def _check_header(fields: list[str], path: Path, line: int) -> list[str]:
    header = [field.strip() for field in fields]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise LeitaiError(
            f'the header names the column "{twice[0]}" twice',
            where=f"{path}, line {line}",
            remedy="rename one of them",
        )
    return header


def read_parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place, record) of a Parquet file, read in batches.

    Raises:
        LeitaiError: pyarrow is not installed, or the file is missing or no Parquet file.
    """
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise LeitaiError(
            "Parquet needs pyarrow", where=path, remedy='pip install "leitai[parquet]"'
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=1024):
                for record in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", record
    except FileNotFoundError as error:
        raise LeitaiError("no such file", where=path, remedy="check the path") from error
    except (arrow.ArrowException, OSError) as error:
        raise LeitaiError(
            f"not a readable Parquet file ({error})", where=path, remedy="write it again"
        ) from error
