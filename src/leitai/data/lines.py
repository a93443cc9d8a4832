"""Bytes to lines to JSON values: streamed, limited, and strict about what JSON allows."""

import gzip
import json
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

from leitai.base.errors import LeitaiError

LINE_LIMIT = 16 << 20
"""The longest line that is read, in bytes; a longer one is refused before it is in memory."""

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """Open a file for reading, unpacking it on the way when its name ends in .gz.

    Raises:
        LeitaiError: the file is missing, unreadable, or not whole gzip.
    """
    try:
        with path.open("rb") as file:
            if path.suffix == ".gz":
                with gzip.GzipFile(fileobj=file) as unpacked:
                    yield unpacked
            else:
                yield file
    except FileNotFoundError as error:
        raise LeitaiError("no such file", where=path, remedy="check the path") from error
    except IsADirectoryError as error:
        raise LeitaiError("is a folder", where=path, remedy="name a file inside it") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise LeitaiError(
            f"damaged or truncated gzip ({error})", where=path, remedy="download or pack it again"
        ) from error
    except OSError as error:
        raise LeitaiError(f"cannot read ({error.strerror or error})", where=path) from error


def read_lines(path: Path, *, limit: int = LINE_LIMIT) -> Iterator[tuple[int, str]]:
    r"""Yield (line number from 1, line with its end) of a UTF-8 file; lines end at "\n" only.

    Raises:
        LeitaiError: the file cannot be read, or a line is too long or not UTF-8; names the line.
    """
    with open_bytes(path) as file:
        number = 0
        while raw := file.readline(limit + 1):
            number += 1
            if len(raw) > limit:
                raise LeitaiError(
                    f"longer than the limit of {limit:,} bytes a line",
                    where=f"{path}, line {number}",
                    remedy="split the row or remove it",
                )
            if number == 1:
                raw = _without_bom(raw, path)
            try:
                yield number, raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise LeitaiError(
                    f"not UTF-8 (byte {error.start + 1:,} of the line is 0x{raw[error.start]:02x})",
                    where=f"{path}, line {number}",
                    remedy="save the file as UTF-8",
                ) from error


def _without_bom(raw: bytes, path: Path) -> bytes:
    if raw.startswith(_UTF16):
        raise LeitaiError("UTF-16, not UTF-8", where=path, remedy="save the file as UTF-8")
    return raw.removeprefix(_BOM)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'the key "{twice}" stands twice in one object')
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text} is too large")
    return number


DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_no_constant, parse_float=_finite
)
"""JSON as the standard has it: no NaN, no infinity, no key twice."""


def json_error(error: ValueError | RecursionError, where: str) -> LeitaiError:
    """Say in one line what is wrong with a JSON text."""
    if isinstance(error, json.JSONDecodeError):
        what = f"{error.msg}, column {error.colno:,}"
    elif isinstance(error, RecursionError):
        what = "nested too deeply"
    else:
        what = str(error)
    return LeitaiError(f"not valid JSON ({what})", where=where, remedy="repair the line")


def check_text(text: str, value: Any) -> None:
    r"""Refuse half characters such as "\ud83d" alone, which no tokenizer can take.

    Raises:
        ValueError: `value`, decoded from the JSON `text`, holds a lone surrogate.
    """
    if "\\ud" in text or "\\uD" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError("a lone surrogate (half a character) in a text") from error


def parse_json(text: str, where: str) -> Any:
    """Decode one JSON value.

    Raises:
        LeitaiError: the text is not strictly JSON; names `where`.
    """
    try:
        value = DECODER.decode(text)
        check_text(text, value)
    except (ValueError, RecursionError) as error:
        raise json_error(error, where) from error
    return value


def read_jsonl(path: Path, *, limit: int = LINE_LIMIT) -> Iterator[tuple[int, Any]]:
    """Yield (line number from 1, value) for every line of a JSONL file, plain or .gz.

    The file is streamed; blank lines and a byte-order mark are passed over.

    Args:
        path: the file; a name ending in .gz is unpacked on the way.
        limit: the longest line, in bytes.

    Raises:
        LeitaiError: the file is missing or damaged, or a line is too long, not UTF-8 or not JSON in
            the strict sense (no key twice, no NaN); names the line.
    """
    for number, line in read_lines(path, limit=limit):
        if line.strip():
            yield number, parse_json(line.strip(), f"{path}, line {number}")
