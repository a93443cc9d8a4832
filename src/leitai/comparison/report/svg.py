"""A few shapes of SVG as safe markup, and axes with round numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from leitai.comparison.wording import Bilingual, decimals


def tag(name: str, *children: Markup | str, **attributes: object) -> Markup:
    """One element; text children and attributes are escaped.

    Args:
        name: of the element.
        children: what it holds.
        attributes: ``class_`` is written ``class``, other underscores become hyphens; floats keep
            one decimal.
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _plain(value))
        for key, value in attributes.items()
        if value is not None
    )
    inner = Markup("").join(escape(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, inner)


def _plain(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def both(words: Bilingual) -> Markup:
    """Words in both languages, of which the page shows one; for use inside SVG text."""
    if words.en == words.zh:
        return tag("tspan", words.en)
    return tag("tspan", words.en, class_="en", lang="en") + tag(
        "tspan", words.zh, class_="zh", lang="zh-CN"
    )


def label(x: float, y: float, words: Bilingual | str, anchor: str, class_: str = "") -> Markup:
    """Text at a point; `anchor` is start, middle or end."""
    content = both(words) if isinstance(words, Bilingual) else words
    return tag("text", content, x=x, y=y, text_anchor=anchor, class_=class_ or None)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def marker(key: str, x: float, y: float, size: float = 5.0) -> Markup:
    """The sign of a contender, told apart by shape as well as by colour: A round, B square."""
    class_ = f"fill-{key.lower()}"
    if key == "A":
        return tag("circle", cx=x, cy=y, r=size, class_=class_)
    half = size * 0.9
    if key == "B":
        return tag("rect", x=x - half, y=y - half, width=2 * half, height=2 * half, class_=class_)
    corners = 3 + (ord(key) - ord("C"))
    turn = [2 * math.pi * i / corners - math.pi / 2 for i in range(corners)]
    points = " ".join(
        f"{x + size * 1.2 * math.cos(t):.1f},{y + size * 1.2 * math.sin(t):.1f}" for t in turn
    )
    return tag("polygon", points=points, class_=class_)


def mark(key: str) -> Markup:
    """The sign of a contender alone, for a legend beside a drawing."""
    return tag("svg", marker(key, 7.0, 7.0), viewBox="0 0 14 14", class_="mark", aria_hidden="true")


def diamond(x: float, y: float, class_: str, size: float = 6.5) -> Markup:
    """The sign of a difference."""
    corners = ((x - size, y), (x, y - size), (x + size, y), (x, y + size))
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)
    return tag("polygon", points=points, class_=class_)


def picture(width: float, height: float, *children: Markup, class_: str) -> Markup:
    """The whole drawing, scaled to the width it is given."""
    return tag(
        "svg",
        *children,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        class_=f"chart {class_}",
        role="img",
        aria_hidden="true",
    )


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear scale between values and pixels.

    Attributes:
        low: value at `start`.
        high: value at `end`.
        start: first pixel.
        end: last pixel; smaller than `start` for an axis that runs backwards.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value, kept within the axis."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Round values with their labels, at most about `most` of them."""
        step = round_step((self.high - self.low) / most)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        if step * 10**digits % 1 > 1e-6:
            digits += 1  # 0.25, 2.5
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [(i * step, decimals(i * step + 0.0, digits)) for i in range(first, last + 1)]


def round_step(rough: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(f * power for f in (1, 2, 2.5, 5, 10) if f * power >= rough * 0.999)


def spanning(values: Sequence[float], *, pad: float, least: float) -> tuple[float, float]:
    """Ends of an axis that holds all values with some air, at least `least` wide."""
    low, high = min(values), max(values)
    air = max(pad * (high - low), (least - (high - low)) / 2)
    return low - air, high + air
