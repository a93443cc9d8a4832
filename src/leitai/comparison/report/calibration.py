"""Whether contenders know what they know: probabilities of answers against their being right.

The expected calibration error (ECE) follows Guo et al. 2017, "On Calibration of Modern Neural
Networks": ten bins of equal width, each weighed by its answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from leitai.comparison.report.charts import in_both_widths
from leitai.comparison.report.data import TaskItems
from leitai.comparison.report.strings import STRINGS
from leitai.comparison.report.svg import Axis, label, line, marker, picture, tag

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about the same probability: how many, their mean one, and the share right."""

    count: int
    probability: float
    right: float


@dataclass(frozen=True, slots=True)
class CalibrationView:
    """One task: its drawing and every contender's ECE, in percent."""

    task: str
    errors: tuple[tuple[str, str, int], ...]
    chart: Markup


def bins_of(answers: Sequence[tuple[float, bool]]) -> list[Bin]:
    """Sort answers (probability, right) into ten bins of equal width; empty ones are left out."""
    sorted_in: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for probability, right in answers:
        sorted_in[min(max(int(probability * BINS), 0), BINS - 1)].append((probability, right))
    return [
        Bin(len(of), sum(p for p, _ in of) / len(of), sum(r for _, r in of) / len(of))
        for of in sorted_in
        if of
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """The expected calibration error, between 0 and 1."""
    count = sum(part.count for part in bins)
    return sum(part.count * abs(part.right - part.probability) for part in bins) / count


def calibration_views(tasks: Sequence[TaskItems]) -> list[CalibrationView]:
    """Every task where some contender's answers carry a probability and are right or wrong."""
    views = []
    for task in tasks:
        answers: dict[str, list[tuple[float, bool]]] = {}
        for item in task.items:
            for key, answer in item.answers.items():
                if answer.probability is not None and answer.correct is not None:
                    answers.setdefault(key, []).append((answer.probability, answer.correct))
        if not answers:
            continue
        bins = {key: bins_of(of) for key, of in sorted(answers.items())}
        views.append(
            CalibrationView(
                task=task.task,
                errors=tuple(
                    (key, f"{100 * calibration_error(of):.1f}%", len(answers[key]))
                    for key, of in bins.items()
                ),
                chart=_chart(bins),
            )
        )
    return views


def _chart(bins: dict[str, list[Bin]]) -> Markup:
    return in_both_widths(lambda width, class_: _draw(bins, width, class_))


def _draw(bins: dict[str, list[Bin]], width: float, class_: str) -> Markup:
    left, right, bottom = 44.0, min(width - 16.0, 330.0), 262.0
    along, up = Axis(0.0, 1.0, left, right), Axis(0.0, 1.0, bottom, 22.0)
    parts = [label(0, 10, STRINGS["share_right"], "start", "tick")]
    for value, text in up.ticks(5):
        parts.append(line(left, up(value), right, up(value), "grid"))
        parts.append(label(left - 6, up(value) + 4, text, "end", "tick"))
        parts.append(label(along(value), bottom + 16, text, "middle", "tick"))
    parts.append(label(right, bottom + 33, STRINGS["probability"], "end", "tick"))
    parts.append(line(along(0), up(0), along(1), up(1), "best-line"))
    for key, of in bins.items():
        points = " ".join(f"{along(b.probability):.1f},{up(b.right):.1f}" for b in of)
        parts.append(tag("polyline", points=points, class_=f"curve bold stroke-{key.lower()}"))
        parts += [marker(key, along(b.probability), up(b.right), 3.4) for b in of]
    return picture(width, bottom + 42, *parts, class_=class_)
