"""Checks before the operations of a template that can make much out of little."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from leitai.text.budget import LimitError, current, weigh

Check = Callable[[Any, Sequence[Any], Mapping[str, Any]], None]

_INTEGER_BITS = 4096
_WIDE_FIELD = re.compile(r"\d{5,}")
_NESTED_FIELD = re.compile(r"\{[^{}]*:[^{}]*\{")
_ANY = 1 << 62


def _argument(args: Sequence[Any], kwargs: Mapping[str, Any], place: int, name: str) -> Any:
    return args[place] if len(args) > place else kwargs.get(name)


def _width(place: int, name: str) -> Check:
    def check(_: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        current().require_width(_argument(args, kwargs, place, name))

    return check


def check_replace(text: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Foresee the size of `text.replace(old, new)`."""
    old = str(_argument(args, kwargs, 0, "old") or _argument(args, kwargs, 0, "s") or "")
    new = _argument(args, kwargs, 1, "new")
    size = len(str(text))
    places = size + 1 if not old else size // len(old)
    current().foresee(size + places * weigh(new, _ANY))


def check_join_filter(values: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Foresee the size of `values | join(separator)`."""
    separator = _argument(args, kwargs, 0, "d")
    length = len(values) if hasattr(values, "__len__") else 0
    current().foresee(length * weigh(separator, _ANY))
    current().charge_value(values)


def check_join_method(separator: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Foresee the size of `separator.join(values)`."""
    check_join_filter(_argument(args, kwargs, 0, "iterable") or (), (separator,), {})


def check_indent(text: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Foresee the size of `text | indent(width)`; the width may be a text."""
    width = _argument(args, kwargs, 0, "width")
    current().require_width(width)
    each = len(width) if isinstance(width, str) else int(width or 4)
    current().foresee((1 + str(text).count("\n")) * each)


def check_sum(_: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Allow sums of numbers: summing lists copies them once per list."""
    start = _argument(args, kwargs, 1, "start")
    if start is not None and not isinstance(start, int | float):
        raise LimitError("sums something else than numbers")


def check_format(text: str, values: Any) -> None:
    """Foresee the size of `text.format(...)` and `text % ...`; refuse wide and computed fields."""
    if _WIDE_FIELD.search(text) or _NESTED_FIELD.search(text) or re.search(r"%[^%a-zA-Z]*\*", text):
        raise LimitError("asks for a wide or computed field")
    current().foresee((text.count("{") + text.count("%")) * weigh(values, _ANY))


def check_format_filter(text: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Foresee the size of `text | format(...)`."""
    check_format(str(text), (args, kwargs))


def check_string(value: Any, _: Sequence[Any], __: Mapping[str, Any]) -> None:
    """Charge a container before it is written out as text."""
    current().charge_value(value)


STRING_CHECKS: dict[str, Check] = {
    "center": _width(0, "width"),
    "ljust": _width(0, "width"),
    "rjust": _width(0, "width"),
    "zfill": _width(0, "width"),
    "replace": check_replace,
    "join": check_join_method,
}

FILTER_CHECKS: dict[str, Check] = {
    "batch": _width(0, "linecount"),
    "center": _width(0, "width"),
    "format": check_format_filter,
    "indent": check_indent,
    "join": check_join_filter,
    "replace": check_replace,
    "round": _width(0, "precision"),
    "slice": _width(0, "slices"),
    "string": check_string,
    "sum": check_sum,
    "truncate": _width(0, "length"),
}


def check_operator(operator: str, left: Any, right: Any) -> None:
    """Foresee the size of `+`, `*`, `**` and `%`."""
    budget = current()
    if operator == "%" and isinstance(left, str):
        check_format(left, right)
    elif operator == "*":
        for values, count in ((left, right), (right, left)):
            if isinstance(values, str | list | tuple) and isinstance(count, int):
                budget.foresee(weigh(values, _ANY) * max(count, 0))
        _require_small(left, right, lambda a, b: a + b)
    elif operator == "**":
        _require_small(left, right, lambda a, b: a * max(1 << min(b, 20), 1))


def _require_small(left: Any, right: Any, bits: Callable[[int, int], int]) -> None:
    if isinstance(left, int) and isinstance(right, int):
        size = bits(left.bit_length(), right.bit_length())
        if size > _INTEGER_BITS:
            raise LimitError("computes with numbers of thousands of digits")


def dump_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: Any = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    """Write JSON as transformers' `tojson` does: readable characters, no HTML escapes.

    Raises:
        LimitError: the value or the indentation is too large.
    """
    budget = current()
    budget.charge_value(value)
    for filling in (indent, *(separators or ())):
        if len(filling) > 16 if isinstance(filling, str) else (filling or 0) > 16:
            raise LimitError("asks for a wide indentation")
    text = json.dumps(
        value,
        ensure_ascii=bool(ensure_ascii),
        indent=indent,
        separators=tuple(separators) if separators else None,
        sort_keys=bool(sort_keys),
    )
    if ensure_ascii:
        for char in budget.verbatim:
            text = text.replace(json.dumps(char)[1:-1], char)
    return text
