"""Numbers and metrics in words, in both languages: one place for the verdict and the report."""

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


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric is called, how it is written, and what it means."""

    name: Bilingual
    unit: Unit
    meaning: Bilingual


METRICS: dict[str, Metric] = {
    "accuracy": Metric(
        Bilingual("accuracy", "准确率"),
        PERCENT,
        Bilingual("the share of items answered right", "答对的题目所占的比例"),
    ),
    "exact_match": Metric(
        Bilingual("exact match", "完全匹配率"),
        PERCENT,
        Bilingual(
            "the share of items whose answer equals the reference, but for case, width, outer "
            "spaces and end punctuation",
            "答案与参考答案一致的题目所占的比例（不计大小写、全半角、首尾空白和句末标点）",
        ),
    ),
    "bits_per_byte": Metric(
        Bilingual("bits per byte", "每字节比特数"),
        BITS_PER_BYTE,
        Bilingual(
            "how many bits the model needs for one byte of the reference text; unlike perplexity "
            "per token it does not depend on the tokenizer",
            "模型编码参考文本的每个字节所需的比特数；与按词元计算的困惑度不同，它不受分词器影响",
        ),
    ),
}


def metric_of(name: str) -> Metric:
    """The words for a metric; an unknown one keeps its name and gets plain numbers."""
    plain = Bilingual.same(name.replace("_", " "))
    return METRICS.get(name) or Metric(plain, PLAIN, plain)


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
