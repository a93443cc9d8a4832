"""The simulated duels as drawings: items over the true difference, false winners over looks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from leitai.base.files import write_text
from leitai.comparison.report.svg import Axis, label, line, tag

_WIDTH, _HEIGHT, _PANEL = 800.0, 320.0, 400.0
_TOP, _BOTTOM, _LEFT, _RIGHT = 60.0, 262.0, 56.0, 18.0
_STYLE = """
svg { font: 13px system-ui, sans-serif; background: #fff }
text { fill: #333 } .strong { font-weight: 600 } .tick { font-size: 12px; fill: #666 }
.grid { stroke: #e4e4e4 } .curve { fill: none; stroke-width: 2.5 }
.s0 { stroke: #888; stroke-dasharray: 2 4 } .s1 { stroke: #0b6e99 }
.s2 { stroke: #b5521b; stroke-dasharray: 6 4 } .s3 { stroke: #3d7a33; stroke-dasharray: 10 3 2 3 }
"""
Curve = list[tuple[float, float]]


def _panel(
    left: float, title: str, across: str, curves: Sequence[Curve], top: float
) -> list[Markup]:
    """One pair of linear axes with curves; `top` is the largest value upwards."""
    right = left + _PANEL - _RIGHT
    x_axis = Axis(0.0, max(x for curve in curves for x, _ in curve), left + _LEFT, right)
    y_axis = Axis(0.0, top, _BOTTOM, _TOP)
    parts = [label(left + _LEFT, 44, title, "start", "strong")]
    for value, shown in y_axis.ticks(5):
        y = y_axis(value)
        parts.append(line(left + _LEFT, y, right, y, "grid"))
        parts.append(label(left + _LEFT - 6, y + 4, shown, "end", "tick"))
    for value, shown in x_axis.ticks(6):
        parts.append(label(x_axis(value), _BOTTOM + 18, shown, "middle", "tick"))
    parts.append(label((left + _LEFT + right) / 2, _BOTTOM + 40, across, "middle"))
    for number, curve in enumerate(curves):
        points = " ".join(f"{x_axis(x):.1f},{y_axis(y):.1f}" for x, y in curve)
        parts.append(tag("polyline", points=points, class_=f"curve s{number}"))
    return parts


def _write(path: Path, names: Sequence[str], panels: Sequence[list[Markup]]) -> None:
    parts = [tag("style", Markup(_STYLE)), *(part for panel in panels for part in panel)]
    for number, name in enumerate(names):
        x = _LEFT + 190 * number
        parts.append(line(x, 16, x + 26, 16, f"curve s{number}"))
        parts.append(label(x + 32, 20, name, "start", "tick"))
    drawing = tag(
        "svg", *parts, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}"
    )
    write_text(path, str(drawing) + "\n")


def draw_items(path: Path, kinds: dict[str, Any], ways: Sequence[str]) -> None:
    """Draw the mean number of items over the true difference, a panel for each kind of score.

    Args:
        path: of the file.
        kinds: by name, the rows with each way's items.
        ways: the curves.
    """
    panels = []
    for number, part in enumerate(kinds.values()):
        curves = [
            [(100 * row["gap"], row["ways"][way]["items"]) for row in part["rows"]] for way in ways
        ]
        across = "true difference, points"
        top = max(y for curve in curves for _, y in curve) * 1.05
        title = f"items on average; {part['title']}"
        panels.append(_panel(number * _PANEL, title, across, curves, top))
    _write(path, ways, panels)


def draw_looks(path: Path, kinds: dict[str, Any], every: int, alpha: float) -> None:
    """Draw the share of equals among whom a winner has been named, over the items so far.

    Args:
        path: of the file.
        kinds: by name, the shares by look when p values are peeked at and with e-values.
        every: items between looks.
        alpha: the allowed share.
    """
    panels = []
    for number, part in enumerate(kinds.values()):
        shares = part["looks"]["peeking"], part["looks"]["betting"]
        items = [every * (i + 1) for i in range(len(shares[0]))]
        curves = [
            [(float(items[0]), 100 * alpha), (float(items[-1]), 100 * alpha)],
            *([(float(n), 100 * y) for n, y in zip(items, s, strict=True)] for s in shares[::-1]),
        ]
        top = max(y for curve in curves for _, y in curve) * 1.05
        title = f"false winners, %; {part['title'].partition(',')[0]}"
        panels.append(_panel(number * _PANEL, title, "items so far", curves, top))
    _write(path, ("allowed", "e-value, any look", "p value, every look"), panels)
