"""Evidence as it came in: the confidence sequence and the e-value over the items asked."""

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from leitai.comparison.report.charts import WIDE, in_both_widths, verdict_class
from leitai.comparison.report.figures import count_of
from leitai.comparison.report.strings import STRINGS
from leitai.comparison.report.svg import Axis, label, line, picture, spanning, tag
from leitai.comparison.wording import Bilingual, metric_of

_LEFT = 48.0


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """One pair of a task that was asked in steps."""

    pair: str
    words: Bilingual
    chart: Markup


def evidence_views(task: dict[str, Any], alpha: float) -> list[EvidenceView]:
    """Draw every pair's evidence of a task; nothing where all was asked at once.

    Args:
        task: a task of `verdict.json`.
        alpha: level of the verdict; the e-value's line stands at 1 / alpha.
    """
    seen = task["sequential"]
    if seen is None:
        return []
    views = []
    for name, pair in seen["pairs"].items():
        if not pair["path"]:
            continue
        key = "evidence_stopped" if pair["at"] is not None else "evidence_open"
        words = STRINGS[key].format(
            at=count_of(pair["at"] or seen["asked"]), planned=count_of(seen["planned"])
        )
        views.append(EvidenceView(name, words, _chart(task, name, pair, alpha)))
    return views


def _chart(task: dict[str, Any], name: str, pair: dict[str, Any], alpha: float) -> Markup:
    return in_both_widths(lambda width, class_: _draw(task, name, pair, alpha, width, class_))


def _draw(
    task: dict[str, Any], name: str, pair: dict[str, Any], alpha: float, width: float, class_: str
) -> Markup:
    unit = metric_of(task["metric"]).unit
    path = [[float(v) for v in step] for step in pair["path"]]
    right = width - 12.0
    along = Axis(0.0, max(path[-1][0], 1.0), _LEFT, right)
    kind = verdict_class(name, pair["decision"] or "")
    middle, bottom = 150.0, 262.0

    ends = [unit.axis * end for step in path for end in step[2:4] if math.isfinite(end)]
    up = Axis(*spanning([*ends, 0.0], pad=0.05, least=0.02 * unit.axis), middle, 18.0)
    parts = [label(0, 10, Bilingual(unit.gap.en.strip(), unit.gap.zh.strip()), "start", "tick")]
    for value, text in up.ticks(4):
        parts.append(line(_LEFT, up(value), right, up(value), "grid"))
        parts.append(label(_LEFT - 6, up(value) + 4, text, "end", "tick"))
    around = [(step[0], step[3]) for step in path] + [(step[0], step[2]) for step in path[::-1]]
    points = " ".join(f"{along(n):.1f},{up(unit.axis * end):.1f}" for n, end in around)
    parts.append(tag("polygon", points=points, class_=f"cloud fill-{kind}"))
    parts.append(line(_LEFT, up(0), right, up(0), "zero"))

    threshold = math.log(1 / alpha)
    raised = Axis(*spanning([0.0, threshold, *(s[1] for s in path)], pad=0.05, least=1.0),
                  bottom, middle + 26)  # fmt: skip
    parts.append(label(0, middle + 18, STRINGS["log_e"], "start", "tick"))
    for value, text in raised.ticks(3):
        parts.append(line(_LEFT, raised(value), right, raised(value), "grid"))
        parts.append(label(_LEFT - 6, raised(value) + 4, text, "end", "tick"))
    parts.append(line(_LEFT, raised(threshold), right, raised(threshold), "best-line"))
    points = " ".join(f"{along(step[0]):.1f},{raised(step[1]):.1f}" for step in path)
    parts.append(tag("polyline", points=points, class_=f"curve bold stroke-{kind}"))
    if pair["at"] is not None:
        parts.append(line(along(pair["at"]), 18, along(pair["at"]), bottom, "best-line"))
    for value, text in along.ticks(6 if width == WIDE else 4):
        parts.append(label(along(value), bottom + 16, text, "middle", "tick"))
    parts.append(label(right, bottom + 33, STRINGS["items_asked"], "end", "tick"))
    return picture(width, bottom + 40, *parts, class_=class_)
