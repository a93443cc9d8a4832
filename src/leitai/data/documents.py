"""JSON files that are one document: a list of records, or an object that maps splits to lists."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.data.lines import DECODER, LINE_LIMIT, check_text, json_error, open_bytes, read_jsonl

DOCUMENT_LIMIT = 512 << 20
"""The largest JSON document that is read whole, in bytes; JSONL has no such limit."""

_SPACE = re.compile(r"[ \t\r\n]*")
_LINE_END = re.compile(r"\n")


def read_json_rows(path: Path) -> Iterator[tuple[str, Any, str | None]]:
    """Yield (place, record, key) of a .json file, whatever of three shapes it has.

    The shapes are a list of records (key None), an object of lists such as ``{"train": [...],
    "val": [...]}`` (key: the list's name), and JSON lines under a .json name (key None).

    Raises:
        LeitaiError: the file cannot be read or has none of these shapes; names line and item.
    """
    if _is_jsonl(path):
        for number, value in read_jsonl(path):
            yield f"{path}, line {number}", value, None
        return
    text = _read_document(path)
    ends = [match.start() for match in _LINE_END.finditer(text)]

    def place(position: int, item: int | None = None) -> str:
        where = f"{path}, line {bisect_right(ends, position - 1) + 1}"
        return where if item is None else f"{where} (item {item})"

    start = _skip(text, 0)
    if text[start : start + 1] == "[":
        for at, item, value in _items(text, start, place):
            yield place(at, item), value, None
        return
    try:
        document, end = DECODER.raw_decode(text, start)
        check_text(text, document)
    except (ValueError, RecursionError) as error:
        raise json_error(error, place(getattr(error, "pos", start))) from error
    if _skip(text, end) < len(text):
        raise LeitaiError("more than one JSON value", where=place(end), remedy="use .jsonl")
    if not isinstance(document, dict) or not all(isinstance(v, list) for v in document.values()):
        raise LeitaiError(
            "expected a list of records, or an object of lists",
            where=path,
            remedy='write [{"text": "...", "label": "..."}, ...]',
        )
    for key, values in document.items():
        for item, value in enumerate(values, 1):
            yield f'{path}, "{key}" item {item}', value, key


def _read_document(path: Path) -> str:
    with open_bytes(path) as file:
        raw = file.read(DOCUMENT_LIMIT + 1)
    if len(raw) > DOCUMENT_LIMIT:
        raise LeitaiError(
            f"larger than the limit of {DOCUMENT_LIMIT:,} bytes for one JSON document",
            where=path,
            remedy="save it as JSON lines (.jsonl), which are streamed",
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise LeitaiError(
            f"not UTF-8 (byte {error.start + 1:,} of the file is 0x{raw[error.start]:02x})",
            where=f"{path}, line {line}",
            remedy="save the file as UTF-8",
        ) from error


def _is_jsonl(path: Path) -> bool:
    """Whether the first line is a JSON object by itself and no map of lists."""
    with open_bytes(path) as file:
        first = b""
        while not first:
            raw = file.readline(LINE_LIMIT + 1)
            if not raw:
                return False
            first = raw.removeprefix(b"\xef\xbb\xbf").strip()
    if not first.startswith(b"{"):
        return False
    try:
        value = DECODER.decode(first.decode("utf-8"))
    except (ValueError, RecursionError):
        return False
    return not (value and all(isinstance(v, list) for v in value.values()))


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _items(text: str, start: int, place: Any) -> Iterator[tuple[int, int, Any]]:
    """Yield (position, number from 1, value) of a JSON list that starts at `start`."""
    position = _skip(text, start + 1)
    item = 0
    if text[position : position + 1] == "]":
        position += 1
    else:
        while True:
            item += 1
            try:
                value, end = DECODER.raw_decode(text, position)
                check_text(text[position:end], value)
            except (ValueError, RecursionError) as error:
                raise json_error(error, place(getattr(error, "pos", position), item)) from error
            yield position, item, value
            after = _skip(text, end)
            mark = text[after : after + 1]
            position = _skip(text, after + 1)
            if mark == "]":
                break
            if mark != ",":
                raise LeitaiError(
                    'not valid JSON (expected "," or "]")', where=place(after), remedy="repair it"
                )
    if position < len(text):
        raise LeitaiError(
            "not valid JSON (text after the end)", where=place(position), remedy="repair it"
        )
