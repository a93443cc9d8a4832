"""All tasks in one table: what each contender reached, and what that shows."""

from dataclasses import dataclass

from leitai.comparison.report.data import ReportData
from leitai.comparison.report.figures import DASH
from leitai.comparison.report.strings import STRINGS
from leitai.comparison.report.views import Cell, SliceRow, TaskView
from leitai.comparison.wording import Bilingual

SIGNS = {"a_better": ">", "b_better": "<", "equivalent": "≈", "undecided": "?"}
"""The first contender of a pair against its second, readable without colour."""


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """One task over all its items.

    Attributes:
        name: of the task.
        metric: that decides it.
        higher_is_better: its direction.
        primary: whether the overall verdict is this task's.
        cells: by contender.
        best: contenders with the best measured value; reference rows never are.
        sign: with two contenders, how A stands to B; else None.
        result: with two contenders, their verdict in words; else whom no other is shown to beat.
    """

    name: str
    metric: Bilingual
    higher_is_better: bool
    primary: bool
    cells: dict[str, Cell]
    best: tuple[str, ...]
    sign: str | None
    result: Bilingual


def overview(data: ReportData, tasks: list[TaskView]) -> list[OverviewRow]:
    """Return a row for each task; none where there is only one."""
    return [overview_row(data, task) for task in tasks] if len(tasks) > 1 else []


def overview_row(data: ReportData, task: TaskView) -> OverviewRow:
    """What each contender reached in one task, and what that shows."""
    first = task.rows[0]
    competing = [key for key in first.scores if data.contenders[key].kind != "reference"]
    values = {key: first.scores[key].value for key in competing or first.scores}
    top = (max if task.higher_is_better else min)(values.values())
    pair = first.pairs[0] if len(first.pairs) == 1 else None
    return OverviewRow(
        name=task.name,
        metric=task.metric,
        higher_is_better=task.higher_is_better,
        primary=task.primary,
        cells=first.scores,
        best=tuple(key for key, value in values.items() if value == top),
        sign=None if pair is None else SIGNS.get(pair.verdict, ""),
        result=_unbeaten(first, tuple(values)) if pair is None else pair.result,
    )


def _unbeaten(row: SliceRow, competing: tuple[str, ...]) -> Bilingual:
    verdicts = ((pair, {"a_better": pair.b, "b_better": pair.a}) for pair in row.pairs)
    beaten = {
        by[pair.verdict]
        for pair, by in verdicts
        if pair.verdict in by and {pair.a, pair.b} <= set(competing)
    }
    left = [key for key in competing if key not in beaten]
    keys = Bilingual(", ".join(left), "、".join(left)) if left else DASH
    return STRINGS["unbeaten"].format(keys=keys)
