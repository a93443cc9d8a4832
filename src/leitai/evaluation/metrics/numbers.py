"""The value that a worked solution ends with, in either language."""

import ast
import operator
import re
import unicodedata
from collections.abc import Callable
from fractions import Fraction

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "廿": 20}
_SMALL = {"十": 10, "百": 100, "千": 1000}
_LARGE = {"万": 10**4, "亿": 10**8}
_HAN = "".join([*_DIGITS, *_SMALL, *_LARGE])

_INTEGER = r"\d{1,3}(?:,\d{3})+(?!\d)|\d+"
_DECIMAL = rf"(?:{_INTEGER})(?:\.\d+)?|\.\d+"
_LATEX_FRACTION = r"\\[dt]?frac\s*\{\s*(-?[\d.,]+)\s*\}\s*\{\s*(-?[\d.,]+)\s*\}"
_CHINESE_FRACTION = rf"([{_HAN}\d]+)分之([{_HAN}\d]+(?:点[{_HAN}\d]+)?)"
_CHINESE_NUMBER = rf"负?[{_HAN}]+(?:点[{_HAN}]+)?"

_PATTERN = re.compile(
    rf"(?P<latex>-?\s*{_LATEX_FRACTION})"
    rf"|(?P<han_fraction>{_CHINESE_FRACTION})"
    rf"|(?P<mixed>-?\d+(?:\s+|(?=\())\(?\d+\s*/\s*\d+\)?)"
    rf"|(?P<fraction>-?\(?\s*(?:{_DECIMAL})\s*/\s*(?:{_DECIMAL})\s*\)?)"
    rf"|(?P<decimal>-?(?:{_DECIMAL})(?:\s*[万亿])?)"
    rf"|(?P<han>{_CHINESE_NUMBER})"
)
_PERCENT = re.compile(r"\s*(?:\\?%|percent\b)", re.IGNORECASE)
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_MARKED = re.compile(
    r"####\s*(.+)"
    r"|(?:答案|得数|结果)\s*(?:应该|应当)?\s*(?:是|为|[:：=＝])\s*[:：]?\s*(.+)"
    r"|答\s*[:：]\s*(.+)"
    r"|(?:answer|result)\s*(?:is|:|=)\s*:?\s*(.+)",
    re.IGNORECASE,
)


def find_value(written: str) -> Fraction | None:
    r"""Find the value that an answer ends with.

    In this order: what stands in the last ``\boxed{}``; what stands after the last "####",
    "答案是", "The answer is" or the like, where the first number counts (after an equals sign in
    it, the last); the last number of the text. Understood are full-width digits, thousands
    separators, decimals, fractions (3/4, 1 1/2, 四分之三, \frac{3}{4}), percents (25%,
    百分之二十五) and Chinese numerals.

    Returns:
        The exact value, or None where there is no number.
    """
    text = _clean(written)
    if boxed := _BOXED.findall(text):
        return _first(boxed[-1])
    if marked := [m for m in _MARKED.finditer(text) if _values(_line(m))]:
        line = _line(marked[-1])
        return _first(line.rsplit("=", 1)[-1]) or _first(line)
    values = _values(text)
    return values[-1] if values else None


def parse_value(reference: str) -> Fraction | None:
    """Return the value of a reference answer that is one number, or None where it is none.

    Sums that a set left unfinished, such as 230-120+230, are worked out.
    """
    text = re.sub(r"\\text\s*\{[^{}]*\}|\^\s*\{?\s*\\circ\s*\}?", "", _clean(reference))
    text = text.strip().strip("$").strip()
    found, rest = _values(text), _PATTERN.sub("", text, count=1)
    if len(found) == 1 and not rest.strip("() %\\"):
        return found[0]
    sum_ = re.sub(r"(\d+(?:\.\d+)?)%", r"(\1/100)", text)
    if not re.fullmatch(r"[\d.()+*/ -]{3,200}", sum_):
        return None
    try:
        return _work_out(ast.parse(sum_.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError):
        return None


def _work_out(node: ast.AST) -> Fraction:
    """Work out a sum of numbers exactly; nothing else is accepted."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return Fraction(str(node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_work_out(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_work_out(node.left), _work_out(node.right))
    raise ValueError(ast.dump(node))


_OPERATIONS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def _line(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None).split("\n", 1)[0]


def _clean(text: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    # signs that only dress a number: currency, LaTeX's spacing, bold
    text = re.sub(r"\\[!,;]|\\left|\\right|\*\*|[$¥€£]", "", text.replace("\u2212", "-"))
    return text.replace("\u2044", "/")


def _first(text: str) -> Fraction | None:
    values = _values(text)
    return values[0] if values else None


def _values(text: str) -> list[Fraction]:
    found = []
    for match in _PATTERN.finditer(text):
        value = _value_of(match, text)
        if value is None:
            continue
        if _PERCENT.match(text, match.end()):
            value /= 100
        found.append(value)
    return found


def _value_of(match: re.Match[str], text: str) -> Fraction | None:
    kind, raw = next(k for k, part in match.groupdict().items() if part is not None), match[0]
    sign = 1
    if raw.startswith("-"):
        # "5-3" is a difference: its sign belongs to the sum, not to the number
        before = text[: match.start()].rstrip()[-1:]
        raw, sign = raw[1:], 1 if before.isalnum() or before in (")", "%") else -1
    try:
        return sign * _READERS[kind](raw)
    except (ZeroDivisionError, ValueError):
        return None


def _decimal(raw: str) -> Fraction:
    raw = raw.replace(",", "").strip()
    unit = _LARGE.get(raw[-1], 1)
    return Fraction(raw.rstrip("万亿").strip()) * unit


def _fraction(raw: str) -> Fraction:
    above, below = raw.strip("() ").split("/")
    return _decimal(above) / _decimal(below)


def _mixed(raw: str) -> Fraction:
    whole, rest = re.split(r"\s+|(?=\()", raw, maxsplit=1)
    return _decimal(whole) + _fraction(rest)


def _latex(raw: str) -> Fraction:
    match = re.search(_LATEX_FRACTION, raw)
    if match is None:
        raise ValueError(raw)
    return Fraction(match[1].replace(",", "")) / Fraction(match[2].replace(",", ""))


def _han_fraction(raw: str) -> Fraction:
    below, above = raw.split("分之")
    return _han(above) / _han(below)


def _han(raw: str) -> Fraction:
    """Read a Chinese numeral: 三千零五, 二〇二四, 一百二, 三点五, 两万."""
    if raw.startswith("负"):
        return -_han(raw[1:])
    whole, _, tail = raw.partition("点")
    value = Fraction(_integer(whole))
    for place, char in enumerate(tail, 1):
        value += Fraction(int(char) if char.isdigit() and char.isascii() else _DIGITS[char]) / (
            10**place
        )
    return value


def _integer(raw: str) -> int:
    if raw.isascii() and raw.isdigit():
        return int(raw)
    if all(char in _DIGITS for char in raw):
        return int("".join(str(_DIGITS[char]) for char in raw))
    total = section = digit = 0
    last_unit = 1
    for char in raw:
        if char in _DIGITS:
            digit = _DIGITS[char]
            if digit == 0:
                last_unit = 1  # 三千零五: the five counts ones, not hundreds
            continue
        if char in _SMALL:
            section += (digit or 1) * _SMALL[char]
            digit, last_unit = 0, _SMALL[char]
        elif char in _LARGE:
            total = (
                (total + section + digit) * _LARGE[char]
                if char == "亿"
                else total + (section + digit) * _LARGE[char]
            )
            section, digit, last_unit = 0, 0, _LARGE[char]
        else:
            raise ValueError(raw)
    # 一百二 is 120: a digit right after a unit counts the next smaller one
    return total + section + digit * (last_unit // 10 if last_unit > 1 else 1)


_READERS = {
    "latex": _latex,
    "han_fraction": _han_fraction,
    "mixed": _mixed,
    "fraction": _fraction,
    "decimal": _decimal,
    "han": _han,
}
