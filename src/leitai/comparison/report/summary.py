"""The first sheet of paper: what was asked, what came out, what it costs, what it does not say.

It has to fit on one page whatever was compared, so long lists end with how many more there are.
"""

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from leitai.comparison.report.auditing import audit_counts, worries
from leitai.comparison.report.charts import difference_chart, score_chart
from leitai.comparison.report.costing import CostRow, cost_rows
from leitai.comparison.report.data import ReportData
from leitai.comparison.report.references import against_references
from leitai.comparison.report.strings import STRINGS
from leitai.comparison.report.views import Cell, TaskView, from_verdict
from leitai.comparison.wording import Bilingual

COSTS = (
    "train_seconds",
    "search_seconds",
    "items_per_second",
    "peak_memory",
    "total_parameters",
    "money",
)
"""Lines of the cost table that a decision hangs on."""

_TASKS, _TASKS_OF_MANY, _WORRIES = 6, 4, 3
_LONGEST_NAMES, _LONGEST_WORDS = 90, 700
_DRAWN_TASKS, _DRAWN_CONTENDERS = 4, 3
_SHA256, _SHORT_HASH = 64, 12


@dataclass(frozen=True, slots=True)
class Place:
    """One contender on the primary task, beside the best one.

    Attributes:
        key: of the contender.
        score: that it reached.
        rank: the places that it can have, such as ``1`` or ``2–3``; empty for a reference row.
        behind: its difference to the best one's; None for the best one itself.
        result: what that difference shows; None likewise.
        colour: of the result.
    """

    key: str
    score: Cell
    rank: str
    behind: Cell | None
    result: Bilingual | None
    colour: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The sheet.

    Attributes:
        question: in a sentence.
        tasks: with their figures; all but the primary one may be left out.
        tasks_left_out: how many were.
        places: with more than two contenders, how they stand on the primary task.
        charts: of the primary task over all its items; none where there is no room.
        costs: the lines of `COSTS` that are known.
        audit: the counts of the audit.
        worries: its warnings and refusals.
        worries_left_out: how many more there are.
        origin: hashes and versions that lead back to the run.
    """

    question: Bilingual
    tasks: tuple[TaskView, ...]
    tasks_left_out: int
    places: tuple[Place, ...]
    charts: tuple[Markup, ...]
    costs: tuple[CostRow, ...]
    audit: Bilingual
    worries: tuple[Bilingual, ...]
    worries_left_out: int
    origin: tuple[tuple[Bilingual, str], ...]


def summary(data: ReportData, tasks: list[TaskView]) -> Summary:
    """Choose what the first sheet shows.

    Args:
        data: the whole report.
        tasks: its tasks, the primary one first.
    """
    many = len(data.keys) > 2
    shown = tasks[: _TASKS_OF_MANY if many else _TASKS]
    told = worries(data.audit, data.keys)
    return Summary(
        question=_question(data, tasks),
        tasks=tuple(shown),
        tasks_left_out=len(tasks) - len(shown),
        places=_places(data, tasks[0]) if many else (),
        charts=_charts(tasks[0].raw) if _is_room(data, tasks) else (),
        costs=tuple(row for row in cost_rows(data) if row.key in COSTS),
        audit=audit_counts(data.audit),
        worries=tuple(told[:_WORRIES]),
        worries_left_out=max(0, len(told) - _WORRIES),
        origin=_origin(data),
    )


def _question(data: ReportData, tasks: list[TaskView]) -> Bilingual:
    names = [data.contenders[key].name for key in data.keys]
    task: Bilingual = Bilingual.same(tasks[0].name)
    if len(tasks) > 1:
        task = STRINGS["task_and_more"].format(task=task, more=len(tasks) - 1)
    if len(names) == 2:
        return STRINGS["question"].format(a=names[0], b=names[1], task=task)
    if len(", ".join(names)) > _LONGEST_NAMES:
        return STRINGS["question_of"].format(count=len(names), task=task)
    listed = Bilingual(", ".join(names), "、".join(names))
    return STRINGS["question_many"].format(names=listed, task=task)


def _is_room(data: ReportData, tasks: list[TaskView]) -> bool:
    few = len(tasks) <= _DRAWN_TASKS and len(data.keys) <= _DRAWN_CONTENDERS
    said = [*map(from_verdict, (data, data), ("reason", "certainty"))]
    said += against_references(data, tasks[0])
    return few and sum(len(words.en) for words in said) <= _LONGEST_WORDS


def _charts(raw: dict[str, Any]) -> tuple[Markup, ...]:
    whole = {**raw, "slices": raw["slices"][:1]}
    return score_chart(whole), difference_chart(whole)


def _places(data: ReportData, task: TaskView) -> tuple[Place, ...]:
    overall, scores = data.verdict["overall"], task.rows[0].scores
    ranking = list(overall["ranking"])
    best = ranking[0] if ranking else data.keys[0]
    order = [*ranking, *(key for key in data.keys if key not in ranking)]
    found = []
    for key in order:
        place = overall["places"].get(key)
        rank = "" if place is None else f"{place['best']}–{place['worst']}"
        if place is not None and place["best"] == place["worst"]:
            rank = str(place["best"])
        if key == best:
            found.append(Place(key, scores[key], rank, None, None, "same"))
            continue
        pair, first = task.between(key, best)
        behind = pair.difference if first else pair.difference.reversed()
        found.append(Place(key, scores[key], rank, behind, pair.result, pair.colour))
    return tuple(found)


def _origin(data: ReportData) -> tuple[tuple[Bilingual, str], ...]:
    """What leads back to the run: the hash of its spec, the weights, the version."""
    versions = data.manifest.get("versions") or {}
    spec = data.manifest.get("spec") or {}
    found = [
        (STRINGS["manifest_spec"], str(spec.get("hash") or "")[:_SHORT_HASH]),
        *(
            (Bilingual.same(key), data.contenders[key].weights_sha256[:_SHORT_HASH])
            for key in data.keys
            if len(data.contenders[key].weights_sha256) == _SHA256
        ),
        (Bilingual.same("Leitai"), str(versions.get("leitai") or "")),
    ]
    return tuple((name, value) for name, value in found if value)
