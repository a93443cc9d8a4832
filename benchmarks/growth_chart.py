"""Growth as a drawing: time and memory over one size, both axes logarithmic."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from leitai.base.files import write_text
from leitai.comparison.report.svg import Axis, label, line, tag

_WIDTH, _HEIGHT, _PANEL = 760.0, 300.0, 380.0
_TOP, _BOTTOM, _LEFT, _RIGHT = 44.0, 242.0, 56.0, 14.0
_STYLE = """
svg { font: 13px system-ui, sans-serif; background: #fff }
text { fill: #333 } .strong { font-weight: 600 } .tick { font-size: 12px; fill: #666 }
.grid { stroke: #e4e4e4 } .curve { fill: none; stroke-width: 2.5 }
.s0 { stroke: #0b6e99 } .s1 { stroke: #b5521b; stroke-dasharray: 6 4 }
.f0 { fill: #0b6e99 } .f1 { fill: #b5521b }
"""
_MEASURES = (("seconds", "seconds a step", 1.0), ("bytes", "peak memory, GB", 1e9))


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten from below `low` to above `high`."""
    steps = [
        f * 10.0**p
        for p in range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
        for f in (1, 2, 5)
    ]
    first = max(i for i, step in enumerate(steps) if step <= low)
    last = min(i for i, step in enumerate(steps) if step >= high)
    return steps[first : max(last, first + 1) + 1]


def _panel(
    left: float, title: str, curves: Sequence[list[tuple[float, float]]], sizes: Sequence[int]
) -> list[Markup]:
    values = [y for curve in curves for _, y in curve]
    ticks = _ticks(min(values), max(values))
    across = Axis(
        math.log2(sizes[0]), math.log2(sizes[-1]), left + _LEFT + 8, left + _PANEL - _RIGHT - 8
    )
    up = Axis(math.log10(ticks[0]), math.log10(ticks[-1]), _BOTTOM, _TOP)
    parts = [label(left + _LEFT, 20, title, "start", "strong")]
    for value in ticks:
        y = up(math.log10(value))
        parts.append(line(left + _LEFT, y, left + _PANEL - _RIGHT, y, "grid"))
        parts.append(label(left + _LEFT - 6, y + 4, f"{value:g}", "end", "tick"))
    taken = -math.inf
    for size in sizes:
        x = across(math.log2(size))
        if x - taken < 34:
            continue
        taken = x
        shown = f"{size // 1024}k" if size >= 10_000 else str(size)
        parts.append(label(x, _BOTTOM + 18, shown, "middle", "tick"))
    for number, curve in enumerate(curves):
        spots = [(across(math.log2(x)), up(math.log10(y))) for x, y in curve]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(tag("polyline", points=points, class_=f"curve s{number}"))
        parts += [tag("circle", cx=x, cy=y, r=3.5, class_=f"f{number}") for x, y in spots]
    return parts


def draw(path: Path, title: str, points: Sequence[dict[str, Any]], sides: Sequence[str]) -> None:
    """Write an SVG with a panel for time and one for memory.

    Args:
        path: of the file.
        title: what grows.
        points: for each its size and, by side, what was measured or None.
        sides: Leitai first.
    """
    sizes = [found["size"] for found in points]
    parts = [tag("style", Markup(_STYLE))]
    for number, (name, words, unit) in enumerate(_MEASURES):
        curves = [
            [(p["size"], p[side][name] / unit) for p in points if p[side] is not None]
            for side in sides
        ]
        parts += _panel(number * _PANEL, words, curves, sizes)
    parts.append(label(_WIDTH / 2, _BOTTOM + 38, title, "middle"))
    for number, side in enumerate(sides):
        x = _WIDTH - 200 + 90 * number
        parts.append(line(x, 16, x + 22, 16, f"curve s{number}"))
        parts.append(label(x + 27, 20, side, "start", "tick"))
    drawing = tag(
        "svg", *parts, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}"
    )
    write_text(path, str(drawing) + "\n")
