"""Quality against cost: who gives more for less."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from leitai.comparison.choice import front_of
from leitai.comparison.metric_words import metric_of
from leitai.comparison.report.charts import WIDE, in_both_widths
from leitai.comparison.report.costing import short_count
from leitai.comparison.report.data import ReportData
from leitai.comparison.report.figures import bytes_of, duration_of
from leitai.comparison.report.strings import STRINGS
from leitai.comparison.report.svg import Axis, label, line, marker, picture, spanning, tag
from leitai.comparison.wording import Bilingual

_AROUND = ((14.0, -8.0), (14.0, 9.0), (-14.0, -8.0), (-14.0, 9.0), (0.0, -17.0), (0.0, 17.0))
"""Where a label may stand beside its sign, the best place first."""


@dataclass(frozen=True, slots=True)
class TradeoffView:
    """One cost: its drawing, and who is not in it."""

    name: Bilingual
    left_out: tuple[str, ...]
    chart: Markup


def tradeoff_views(data: ReportData) -> list[TradeoffView]:
    """Draw the primary task's scores against every cost known of at least two contenders."""
    task = next(task for task in data.verdict["tasks"] if task["primary"])
    currencies = {c.currency for c in data.costs.values() if c.money is not None}
    costs: list[tuple[str, dict[str, float | None]]] = [
        ("seconds_per_item", {k: c.seconds_per_item for k, c in data.costs.items()}),
        ("peak_memory", {k: c.peak_memory_bytes for k, c in data.costs.items()}),
        ("total_parameters", {k: c.total_parameters for k, c in data.contenders.items()}),
    ]
    if len(currencies) == 1:  # money of two currencies cannot be compared
        costs.append(("money", {k: c.money for k, c in data.costs.items()}))
    views = []
    for key, found in costs:
        known = {k: float(v) for k, v in sorted(found.items()) if v}
        if len(known) < 2:
            continue
        name = STRINGS[key].format(currency=next(iter(currencies), None) or "")
        front = tuple(front_of(task, list(known), known))
        views.append(
            TradeoffView(
                name=name,
                left_out=tuple(k for k in data.keys if k not in known),
                chart=_chart(task, key, name, known, front),
            )
        )
    return views


def _chart(
    task: Mapping[str, Any],
    cost: str,
    name: Bilingual,
    costs: Mapping[str, float],
    front: tuple[str, ...],
) -> Markup:
    return in_both_widths(
        lambda width, class_: _draw(task, cost, name, costs, front, width, class_)
    )


def _beside(places: Mapping[str, tuple[float, float]]) -> list[tuple[float, float]]:
    """Find a middle for each label, near its sign and clear of other labels and of all signs."""
    taken = list(places.values())
    found = []
    for x, y in places.values():
        near = [(x + dx * far, y + dy * far) for far in (1, 2, 3) for dx, dy in _AROUND]
        free = (spot for spot in near if all(_clear(spot, other) for other in taken))
        spot = next(free, near[0])
        taken.append(spot)
        found.append(spot)
    return found


def _clear(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return abs(one[0] - other[0]) >= 11 or abs(one[1] - other[1]) >= 13


def _written(cost: str, value: float) -> Bilingual:
    if not value:
        return Bilingual.same("0")
    if cost == "seconds_per_item":
        if value < 0.1:
            return Bilingual(f"{1000 * value:.3g} ms", f"{1000 * value:.3g} 毫秒")
        return duration_of(value)
    if cost == "peak_memory":
        return Bilingual.same(bytes_of(value))
    return Bilingual.same(short_count(value) if cost == "total_parameters" else f"{value:.4g}")


def _draw(
    task: Mapping[str, Any],
    cost: str,
    name: Bilingual,
    costs: Mapping[str, float],
    front: tuple[str, ...],
    width: float,
    class_: str,
) -> Markup:
    metric = metric_of(task["metric"])
    factor, scores = metric.unit.axis, task["slices"][0]["scores"]
    left, right, bottom = 48.0, width - 30.0, 210.0
    ends = [factor * scores[key][end] for key in costs for end in ("low", "high")]
    low, high = spanning(ends, pad=0.08, least=0.02 * factor)
    up = Axis(low, high, *((bottom, 22.0) if task["higher_is_better"] else (22.0, bottom)))
    along = Axis(0.0, 1.1 * max(costs.values()), left, right)
    parts = [label(0, 10, metric.name, "start", "tick")]
    for value, text in up.ticks(5):
        parts.append(line(left, up(value), right, up(value), "grid"))
        parts.append(label(left - 6, up(value) + 4, text, "end", "tick"))
    parts.append(line(left, bottom, right, bottom, "base"))
    steps = along.ticks(5 if width == WIDE else 3)
    for value, _ in steps:
        parts.append(label(along(value), bottom + 16, _written(cost, value), "middle", "tick"))
    parts.append(label(right, bottom + 33, name, "end", "tick"))
    corners = sorted((along(costs[key]), up(factor * scores[key]["value"])) for key in front)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    parts.append(tag("polyline", points=points, class_="front"))
    places = {
        key: (along(value), up(factor * scores[key]["value"])) for key, value in costs.items()
    }
    for (key, (x, y)), (at_x, at_y) in zip(places.items(), _beside(places), strict=True):
        low_y, high_y = (up(factor * scores[key][end]) for end in ("low", "high"))
        parts.append(line(x, low_y, x, high_y, f"whisker stroke-{key.lower()}"))
        parts.append(marker(key, x, y, 6.0))
        if math.dist((x, y), (at_x, at_y)) > 20:
            parts.append(line(x, y, at_x, at_y, "lead-line"))
        parts.append(label(at_x, at_y + 4, key, "middle", f"value text-{key.lower()}"))
    return picture(width, bottom + 42, *parts, class_=class_)
