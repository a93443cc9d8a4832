"""Numbers in words, in both languages: one place for the verdict and the report."""

import math
from collections.abc import Callable
from dataclasses import dataclass

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class Bilingual:
    """The same words in English and in Chinese."""

    en: str
    zh: str

    @classmethod
    def same(cls, text: str) -> "Bilingual":
        """Words that need no translation: names, numbers."""
        return cls(text, text)

    def format(self, **parts: "Bilingual | str | int") -> "Bilingual":
        """Fill placeholders in both languages, each with its own words."""
        return Bilingual(
            self.en.format(
                **{k: v.en if isinstance(v, Bilingual) else v for k, v in parts.items()}
            ),
            self.zh.format(
                **{k: v.zh if isinstance(v, Bilingual) else v for k, v in parts.items()}
            ),
        )

    def as_dict(self) -> dict[str, str]:
        """The form that goes into JSON."""
        return {"en": self.en, "zh": self.zh}


def signed(text: str, value: float) -> str:
    """Put a plus or a real minus sign before the digits of `abs(value)`; none before zero."""
    if not any(digit in text for digit in "123456789"):
        return text
    return ("+" if value > 0 else MINUS) + text


def decimals(value: float, digits: int, *, sign: bool = False) -> str:
    """A number with fixed decimals and thousands separators."""
    text = f"{abs(value):,.{digits}f}"
    return signed(text, value) if sign or value < 0 else text


@dataclass(frozen=True, slots=True)
class Unit:
    """How the values of a metric are written.

    Attributes:
        value: writes one value, such as 84.2%.
        difference: writes a difference of two values without sign or unit, such as 5.1.
        gap: the unit behind a difference, with its space.
        axis: the factor from the metric to the axis of a chart.
        axis_unit: what the axis of a chart counts.
    """

    value: Callable[[float], str]
    difference: Callable[[float, bool], str]
    gap: Bilingual
    axis: float
    axis_unit: Bilingual


PERCENT = Unit(
    value=lambda v: decimals(100 * v, 1) + "%",
    difference=lambda v, sign: decimals(100 * v, 1, sign=sign),
    gap=Bilingual(" points", " 个百分点"),
    axis=100.0,
    axis_unit=Bilingual("%", "%"),
)
BITS_PER_BYTE = Unit(
    value=lambda v: decimals(v, 3),
    difference=lambda v, sign: decimals(v, 3, sign=sign),
    gap=Bilingual(" bits per byte", " 比特/字节"),
    axis=1.0,
    axis_unit=Bilingual("bits per byte", "比特/字节"),
)
PLAIN = Unit(
    value=lambda v: decimals(v, 3),
    difference=lambda v, sign: decimals(v, 3, sign=sign),
    gap=Bilingual.same(""),
    axis=1.0,
    axis_unit=Bilingual.same(""),
)


def p_value(p: float) -> str:
    """A p value as ``p = 0.031``; tiny ones as a bound."""
    if p < 0.0001:
        return "p < 0.0001"
    if p >= 0.995:
        return "p = 1.00"
    digits = max(2, 1 - math.floor(math.log10(p)))
    return f"p = {p:.{min(digits, 4)}f}"


def level(alpha: float) -> str:
    """One minus alpha as a percentage: 95%."""
    return f"{100 * (1 - alpha):.10g}%"
