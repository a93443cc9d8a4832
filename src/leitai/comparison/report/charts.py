"""The drawings of a report: scores with whiskers, differences with the margin, learning curves.

Each is drawn for a wide and for a narrow column, so that letters keep their size on a phone.
"""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from markupsafe import Markup

from leitai.comparison.metric_words import metric_of
from leitai.comparison.report.data import CurvePoint, LearningCurve
from leitai.comparison.report.figures import cut
from leitai.comparison.report.strings import STRINGS, slice_name
from leitai.comparison.report.svg import (
    Axis,
    both,
    diamond,
    label,
    line,
    marker,
    picture,
    spanning,
    tag,
)
from leitai.comparison.wording import Bilingual

WIDE, NARROW = 520.0, 340.0

_ROW = 46.0
_TOP = 26.0
_BOTTOM = 42.0
_KEPT_POINTS = 240
_ENDS = ("low", "high")


def verdict_class(pair: str, verdict: str) -> str:
    """The colour of a pair's verdict: the winner's, ink where equal, grey where open."""
    a, b = pair.lower().split("-")
    return {"a_better": a, "b_better": b, "equivalent": "same"}.get(verdict, "open")


def in_both_widths(draw: Callable[[float, str], Markup]) -> Markup:
    """Draw for a wide and for a narrow column; the style sheet shows one."""
    return draw(WIDE, "wide") + draw(NARROW, "narrow")


def score_chart(task: dict[str, Any]) -> Markup:
    """Dots with whiskers: all contenders, one row a slice.

    Args:
        task: a task of `verdict.json`.
    """
    return in_both_widths(lambda width, class_: _scores(task, width, class_))


def difference_chart(task: dict[str, Any]) -> Markup:
    """Differences with their intervals and the margin; the first one's side is always right.

    Two contenders: a row a slice. More: a row a pair, over all items.

    Args:
        task: a task of `verdict.json`.
    """
    return in_both_widths(lambda width, class_: _differences(task, width, class_))


def curve_chart(curve: LearningCurve, side: str) -> Markup | None:
    """Training and validation loss of one side over the steps; None where nothing was measured."""
    if not any(loss_points(curve)):
        return None
    return in_both_widths(lambda width, class_: _curve(curve, side, width, class_))


def _frame(
    names: Sequence[Bilingual], width: float, height: float
) -> tuple[list[Markup], float, float]:
    """Rows of a chart: their names and lines, and the right and lower edge of the plot."""
    right, bottom = width - 62.0, _TOP + height * len(names)
    parts = []
    for i, name in enumerate(names):
        y = _TOP + height * (i + 0.5)
        parts.append(label(0, y + 4, _short(name), "start", "" if i else "strong"))
        if i:
            parts.append(line(0, y - height / 2, width, y - height / 2, "rule"))
    return parts, right, bottom


def _short(words: Bilingual, most: int = 13) -> Bilingual:
    return Bilingual(cut(words.en, most), cut(words.zh, most))


def _grid(axis: Axis, bottom: float, width: float, unit: Bilingual) -> list[Markup]:
    parts = []
    for value, text in axis.ticks(7 if width == WIDE else 5):
        parts.append(line(axis(value), _TOP, axis(value), bottom, "grid"))
        parts.append(label(axis(value), bottom + 16, text, "middle", "tick"))
    middle = (axis.start + axis.end) / 2
    parts.append(label(middle, bottom + 33, unit, "middle", "tick"))
    return parts


def _scores(task: dict[str, Any], width: float, class_: str) -> Markup:
    metric = metric_of(task["metric"])
    factor, slices = metric.unit.axis, task["slices"]
    keys = list(slices[0]["scores"])
    height = max(_ROW, 18.0 * len(keys) + 10.0)
    left = 100.0 if width == WIDE else 72.0
    parts, right, bottom = _frame([slice_name(r["slice"]) for r in slices], width, height)
    ends = [factor * s[k] for row in slices for s in row["scores"].values() for k in _ENDS]
    low, high = spanning(ends, pad=0.06, least=0.02 * factor)
    if factor == 100:
        low, high = max(low, 0.0), min(high, 100.0)
    axis = Axis(low, high, left, right)
    unit = metric.unit.axis_unit
    if factor == 100:
        unit = Bilingual(f"{metric.name.en}, %", f"{metric.name.zh}，%")
    parts = _grid(axis, bottom, width, unit) + parts
    for i, row in enumerate(slices):
        for at, key in enumerate(keys):
            score = row["scores"][key]
            y = _TOP + height * (i + 0.5) + 18.0 * (at - (len(keys) - 1) / 2)
            x1, x2 = axis(factor * score["low"]), axis(factor * score["high"])
            name = key.lower()
            parts.append(line(x1, y, x2, y, f"whisker stroke-{name}"))
            parts += [line(x, y - 4, x, y + 4, f"whisker stroke-{name}") for x in (x1, x2)]
            parts.append(marker(key, axis(factor * score["value"]), y))
            shown = metric.unit.value(score["value"])
            parts.append(label(width, y + 4, shown, "end", f"value text-{name}"))
    return picture(width, bottom + _BOTTOM, *parts, class_=class_)


def _differences(task: dict[str, Any], width: float, class_: str) -> Markup:
    unit = metric_of(task["metric"]).unit
    factor = unit.axis
    pairs = task["slices"][0]["pairs"]
    if len(pairs) == 1:
        ((pair, _),) = pairs.items()
        rows = [(slice_name(row["slice"]), pair, row["pairs"][pair]) for row in task["slices"]]
    else:
        rows = [(Bilingual.same(name.replace("-", " − ")), name, p) for name, p in pairs.items()]
    height = _ROW if len(pairs) == 1 else 30.0
    left = 100.0 if width == WIDE else 72.0
    parts, right, bottom = _frame([name for name, _, _ in rows], width, height)
    margin = factor * rows[0][2]["margin"]
    ends = [factor * row["difference"][k] for _, _, row in rows for k in _ENDS]
    low, high = spanning([*ends, 0.0, margin, -margin], pad=0.08, least=0.01 * factor)
    first_is_right = task["higher_is_better"]
    axis = Axis(low, high, *((left, right) if first_is_right else (right, left)))
    band = sorted((axis(-margin), axis(margin)))
    ground = [
        tag("rect", x=band[0], y=_TOP, width=band[1] - band[0], height=bottom - _TOP, class_="band")
    ]
    gap = Bilingual(unit.gap.en.strip(), unit.gap.zh.strip())
    parts = [*ground, *_grid(axis, bottom, width, gap), *parts]
    parts.append(line(axis(0), _TOP - 4, axis(0), bottom, "zero"))
    words, classes = ("a_side", "b_side"), ("side text-a", "side text-b")
    if len(pairs) > 1:
        words, classes = ("first_side", "second_side"), ("side tick", "side tick")
    parts += [
        tag("text", "◂ ", both(STRINGS[words[1]]), x=left, y=14, class_=classes[1]),
        tag(
            "text",
            both(STRINGS[words[0]]),
            " ▸",
            x=right,
            y=14,
            text_anchor="end",
            class_=classes[0],
        ),
    ]
    for i, (_, name, row) in enumerate(rows):
        y = _TOP + height * (i + 0.5)
        kind = verdict_class(name, row["verdict"])
        for interval, weight in (
            (row["difference"], "whisker"),
            (row["equivalence_interval"], "inner"),
        ):
            x1, x2 = axis(factor * interval["low"]), axis(factor * interval["high"])
            parts.append(line(x1, y, x2, y, f"{weight} stroke-{kind}"))
            if weight == "whisker":
                parts += [line(x, y - 5, x, y + 5, f"whisker stroke-{kind}") for x in (x1, x2)]
        value = row["difference"]["value"]
        parts.append(diamond(axis(factor * value), y, f"fill-{kind}"))
        shown = unit.difference(value, True)
        parts.append(label(width, y + 4, shown, "end", f"value text-{kind}"))
    return picture(width, bottom + _BOTTOM, *parts, class_=class_)


def _curve(curve: LearningCurve, side: str, width: float, class_: str) -> Markup:
    height, left, right, bottom = 236.0, 40.0, width - 12.0, 196.0
    raw = loss_points(curve)
    trained, checked = map(thin_out, raw)
    best = [point for point in raw[1] if point[0] == curve.best_step]
    seen = [*trained, *checked, *best]
    low, high = spanning([y for _, y in seen], pad=0.06, least=1e-3)
    up = Axis(0.0 if low < 0.5 * high else low, high, bottom, 10.0)
    along = Axis(0.0, max(1.0, *(x for x, _ in seen)), left, right)
    parts: list[Markup] = []
    for value, text in up.ticks(5):
        parts.append(line(left, up(value), right, up(value), "grid"))
        parts.append(label(left - 7, up(value) + 4, text, "end", "tick"))
    parts.append(line(left, bottom, right, bottom, "base"))
    for value, text in along.ticks(6 if width == WIDE else 4):
        parts.append(label(along(value), bottom + 17, text, "middle", "tick"))
    parts.append(label((left + right) / 2, bottom + 34, STRINGS["step"], "middle", "tick"))
    name = side.lower()
    for points, weight in ((trained, "faint"), (checked, "bold")):
        path = " ".join(f"{along(x):.1f},{up(y):.1f}" for x, y in points)
        if points:
            parts.append(tag("polyline", points=path, class_=f"curve {weight} stroke-{name}"))
    if len(checked) <= 40:
        parts += [marker(side, along(x), up(y), 3.2) for x, y in checked]
    if best:
        x, y = along(best[0][0]), up(best[0][1])
        parts.append(line(x, 10, x, y - 8, "best-line"))
        parts.append(tag("circle", cx=x, cy=y, r=8, class_="best"))
        words = STRINGS["best_step"].format(step=f"{curve.best_step:,}")
        to_the_left = x > (left + right) / 2
        anchor = "end" if to_the_left else "start"
        parts.append(label(x - 7 if to_the_left else x + 7, 20, words, anchor, "tick"))
    return picture(width, height, *parts, class_=class_)


def loss_points(
    curve: LearningCurve,
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """The (step, loss) pairs of training and of validation."""

    def pairs(value: Callable[[CurvePoint], float | None]) -> list[tuple[float, float]]:
        found = ((float(p.step), value(p)) for p in curve.points)
        return [(step, loss) for step, loss in found if loss is not None and isfinite(loss)]

    return pairs(lambda p: p.train_loss), pairs(lambda p: p.valid_loss)


def thin_out(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Average neighbours until few enough points are left to draw."""
    size = -(-len(points) // _KEPT_POINTS) or 1
    if size == 1:
        return points
    chunks = [points[i : i + size] for i in range(0, len(points), size)]
    return [(c[-1][0], sum(y for _, y in c) / len(c)) for c in chunks]
