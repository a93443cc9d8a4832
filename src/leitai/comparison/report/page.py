"""report.html: the whole report of a run, as one page."""

import re
from typing import Any

from leitai.comparison.report.arms import arm_rows, component_rows
from leitai.comparison.report.auditing import SIGNS, audit_counts
from leitai.comparison.report.calibration import calibration_views
from leitai.comparison.report.charts import curve_chart, difference_chart, score_chart
from leitai.comparison.report.costing import about, cost_rows
from leitai.comparison.report.data import ReportData
from leitai.comparison.report.describing import identities, manifest_parts, notes
from leitai.comparison.report.figures import count_of
from leitai.comparison.report.items import pack
from leitai.comparison.report.overview import overview
from leitai.comparison.report.preferred import preference_views
from leitai.comparison.report.references import against_references
from leitai.comparison.report.rendering import render
from leitai.comparison.report.search import search_view
from leitai.comparison.report.sequential import evidence_views
from leitai.comparison.report.strings import STRINGS
from leitai.comparison.report.summary import summary
from leitai.comparison.report.tradeoffs import tradeoff_views
from leitai.comparison.report.views import (
    TaskView,
    choice,
    from_verdict,
    headline,
    overall_colour,
    task_views,
)
from leitai.comparison.wording import Bilingual, level

SECTIONS = (
    "overview",
    "scores",
    "arms",
    "preferences",
    "learning",
    "search",
    "cost",
    "tradeoff",
    "calibration",
    "disagreements",
    "fairness",
    "method",
    "manifest",
)

SCRIPT_WORDS = (
    "filters",
    "own_group",
    "either",
    "task",
    "slice",
    "slice_all",
    "search_hint",
    "reasoning",
    "expected",
    "no_answer",
    "right",
    "wrong",
    "show_all",
    "show_less",
    "found",
    "nothing_found",
)
"""Keys of the strings that the page's script writes."""


def render_page(data: ReportData) -> str:
    """Render the report as one HTML file that needs nothing else (`rendering.render`)."""
    packed = pack(data.tasks, data.verdict)
    tasks = task_views(data)
    deciding = tasks[0]
    search = search_view(data)
    curves = {key: curve_chart(data.curves[key], key) for key in data.keys}
    tradeoffs, calibrations = tradeoff_views(data), calibration_views(data.tasks)
    rows, preferences = arm_rows(data), preference_views(data)
    absent = {
        *(() if len(tasks) > 1 else ("overview",)),
        *(() if rows else ("arms",)),
        *(() if preferences else ("preferences",)),
        *(() if search else ("search",)),
        *(() if tradeoffs else ("tradeoff",)),
        *(() if calibrations else ("calibration",)),
    }
    context = {
        "kind": "report",
        "name": data.verdict["name"],
        "contenders": data.contenders,
        "keys": data.keys,
        "tradeoffs": tradeoffs,
        "calibrations": calibrations,
        "ranking": data.verdict["overall"].get("ranking", []),
        "arms": rows,
        "preferences": preferences,
        "components": component_rows(data),
        "overview": overview(data, tasks),
        "level": level(data.verdict["alpha"]),
        "verdict": {
            "colour": overall_colour(data),
            "headline": headline(data),
            "reason": _tied(from_verdict(data, "reason")),
            "certainty": from_verdict(data, "certainty"),
            "choice": choice(data),
            "references": against_references(data, deciding),
            "metric": deciding.metric,
            "cards": [
                {
                    "side": side,
                    "cell": deciding.rows[0].scores[side],
                    "about": about(data.contenders[side], data.costs[side]),
                }
                for side in data.keys
            ],
        },
        "sections": [key for key in SECTIONS if key not in absent],
        "tasks": [_with_charts(task, data.verdict["alpha"]) for task in tasks],
        "trained": any(curves.values()),
        "untrained": ", ".join(data.contenders[key].name for key in data.keys if not curves[key]),
        "curves": curves,
        "search": search,
        "costs": cost_rows(data),
        "items": {
            "json": packed.json,
            "count": packed.count,
            "kept": packed.kept,
            "count_text": count_of(packed.count),
            "kept_text": count_of(packed.kept),
            "length": packed.length and count_of(packed.length),
        },
        "summary": summary(data, tasks),
        "limits": next(text for term, text in notes(data) if term == STRINGS["def_limits"]),
        "audit_counts": audit_counts(data.audit),
        "audit": [
            {
                "title": finding.title,
                "values": [value[:300] for value in finding.values],
                "status": finding.status,
                "sign": SIGNS[finding.status],
                "note": finding.note,
            }
            for finding in data.audit
        ],
        "notes": notes(data),
        "identities": identities(data),
        "manifest": manifest_parts(data.manifest),
    }
    return render("report.html.jinja", context, ("items.js",), SCRIPT_WORDS)


def _tied(words: Bilingual) -> Bilingual:
    """Keep ``p = 0.0026`` on one line."""

    def tie(text: str) -> str:
        return re.sub(r"\bp ([=<]) ", "p\u00a0\\1\u00a0", text)

    return Bilingual(tie(words.en), tie(words.zh))


def _with_charts(task: TaskView, alpha: float) -> dict[str, Any]:
    fields = {name: getattr(task, name) for name in TaskView.__slots__}
    return {
        **fields,
        "between": task.between,
        "further": any(row.further for row in task.rows),
        "evidence": evidence_views(task.raw, alpha),
        "scores": score_chart(task.raw),
        "differences": difference_chart(task.raw),
    }
