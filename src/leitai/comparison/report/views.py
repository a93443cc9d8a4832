"""Scores as the page and the Markdown show them: every number already written out.

Page and Markdown read the same views, so that they cannot disagree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from leitai.comparison.metric_words import metric_of
from leitai.comparison.report.charts import verdict_class
from leitai.comparison.report.data import ReportData
from leitai.comparison.report.figures import DASH, count_of
from leitai.comparison.report.strings import STRINGS, slice_name
from leitai.comparison.wording import MINUS, Bilingual, Unit, level, p_value


@dataclass(frozen=True, slots=True)
class Cell:
    """A number with its interval, raw and written."""

    value: float
    low: float
    high: float
    text: str
    low_text: str
    high_text: str

    def reversed(self) -> "Cell":
        """A difference seen from the other side."""
        return Cell(
            value=-self.value,
            low=-self.high,
            high=-self.low,
            text=_negated(self.text),
            low_text=_negated(self.high_text),
            high_text=_negated(self.low_text),
        )


@dataclass(frozen=True, slots=True)
class PairView:
    """Two contenders on one slice; `a` and `b` are their keys."""

    a: str
    b: str
    difference: Cell
    a_only: int | None
    b_only: int | None
    a_only_text: str
    b_only_text: str
    p: float
    p_text: str
    p_holm_text: str
    verdict: str
    colour: str
    result: Bilingual
    more: Bilingual | None


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One row of a score table: `scores` by key, `pairs` in the verdict's order."""

    label: str
    name: Bilingual
    n: int
    n_text: str
    scores: dict[str, Cell]
    pairs: tuple[PairView, ...]
    further: tuple[tuple[Bilingual, dict[str, Cell]], ...]


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task: its words and its rows; `raw` is the task of `verdict.json`."""

    raw: dict[str, Any]
    name: str
    metric: Bilingual
    level: str
    higher_is_better: bool
    primary: bool
    graded: bool
    margin: Bilingual
    rows: tuple[SliceRow, ...]
    unparsed: Bilingual | None

    def between(self, one: str, other: str) -> tuple[PairView, bool]:
        """The pair of two contenders over all items, and whether `one` stands first in it."""
        for pair in self.rows[0].pairs:
            if {pair.a, pair.b} == {one, other}:
                return pair, pair.a == one
        raise KeyError(f"{one}-{other}")


def overall_kind(data: ReportData) -> str:
    """The overall verdict's kind: a_better, b_better, best, equivalent or undecided."""
    return str(data.verdict["overall"]["verdict"])


def overall_colour(data: ReportData) -> str:
    """The colour of the overall verdict: the winner's, or ink."""
    return str(data.verdict["overall"]["winner"] or "same").lower()


def headline(data: ReportData) -> Bilingual:
    """The verdict in three words."""
    kind, winner = overall_kind(data), data.verdict["overall"]["winner"]
    if kind == "best":
        return STRINGS["best"].format(name=data.contenders[winner].name)
    if kind in ("equivalent", "undecided"):
        many = kind == "equivalent" and len(data.contenders) > 2
        return STRINGS["equivalent_many" if many else kind]
    return STRINGS["better"].format(name=data.contenders["A" if kind == "a_better" else "B"].name)


def from_verdict(data: ReportData, key: str) -> Bilingual:
    """A sentence of the overall verdict."""
    return Bilingual(**data.verdict["overall"][key])


def choice(data: ReportData) -> Bilingual | None:
    """Who to take, given what each costs, and why; None where the verdict does not say."""
    found = data.verdict["overall"].get("choice")
    return None if not found else Bilingual(**found["why"])


def task_views(data: ReportData) -> list[TaskView]:
    """All tasks, the primary one first."""
    tasks = sorted(data.verdict["tasks"], key=lambda task: not task["primary"])
    return [_task_view(task, data.verdict["alpha"]) for task in tasks]


def _task_view(task: dict[str, Any], alpha: float) -> TaskView:
    metric = metric_of(task["metric"])
    unit, first = metric.unit, task["slices"][0]
    some = next(iter(first["pairs"].values()))
    margin = unit.difference(some["margin"], False)
    return TaskView(
        raw=task,
        name=task["task"],
        metric=metric.name,
        level=level(task.get("alpha", alpha)),
        higher_is_better=task["higher_is_better"],
        primary=task["primary"],
        graded=some["a_only"] is not None,
        margin=Bilingual(margin + unit.gap.en, margin + unit.gap.zh),
        rows=tuple(_slice_row(row, unit) for row in task["slices"]),
        unparsed=_unparsed(first["scores"], unit),
    )


def _unparsed(scores: dict[str, Any], unit: Unit) -> Bilingual | None:
    """Tell how many answers could not be read; None where all could."""
    if not any(score["unparsed"] for score in scores.values()):
        return None
    counts = [f"{key} {count_of(score['unparsed'])}" for key, score in scores.items()]
    best = [f"{key} {unit.value(score['best_case'])}" for key, score in scores.items()]
    return STRINGS["unparsed_note"].format(
        counts=Bilingual(", ".join(counts), "，".join(counts)),
        best=Bilingual(", ".join(best), "，".join(best)),
    )


def _slice_row(row: dict[str, Any], unit: Unit) -> SliceRow:
    return SliceRow(
        label=row["slice"],
        name=slice_name(row["slice"]),
        n=row["n"],
        n_text=count_of(row["n"]),
        scores={key: cell(score, unit.value) for key, score in row["scores"].items()},
        pairs=tuple(_pair(name, pair, unit) for name, pair in row["pairs"].items()),
        further=tuple(
            (metric_of(name).name, {k: cell(v, metric_of(name).unit.value) for k, v in of.items()})
            for name, of in row.get("further", {}).items()
        ),
    )


def _pair(name: str, pair: dict[str, Any], unit: Unit) -> PairView:
    a, b = name.split("-")
    verdict = pair["verdict"]
    words = STRINGS["better_short" if verdict.endswith("_better") else f"{verdict}_short"]
    return PairView(
        a=a,
        b=b,
        difference=cell(pair["difference"], lambda v: unit.difference(v, True)),
        a_only=pair["a_only"],
        b_only=pair["b_only"],
        a_only_text="" if pair["a_only"] is None else count_of(pair["a_only"]),
        b_only_text="" if pair["b_only"] is None else count_of(pair["b_only"]),
        p=pair["p"],
        p_text=chance(pair["p"]),
        p_holm_text=chance(pair["p_holm"]),
        verdict=verdict,
        colour=verdict_class(name, verdict),
        result=words.format(key=a if verdict == "a_better" else b),
        more=_more(pair["more_items"]),
    )


def _more(items: int | None) -> Bilingual | None:
    if items is None:
        return None
    return STRINGS["about_one_more" if items == 1 else "about_more"].format(more=count_of(items))


def chance(p: float | None) -> str:
    """A p value for a column that is headed p; a dash where there is none."""
    return DASH.en if p is None else p_value(p).removeprefix("p = ").removeprefix("p ")


def _negated(text: str) -> str:
    return text.translate({ord("+"): MINUS, ord(MINUS): "+"})


def cell(numbers: dict[str, float], write: Callable[[float], str]) -> Cell:
    """A number with its interval, written by `write`."""
    return Cell(
        value=numbers["value"],
        low=numbers["low"],
        high=numbers["high"],
        text=write(numbers["value"]),
        low_text=write(numbers["low"]),
        high_text=write(numbers["high"]),
    )
