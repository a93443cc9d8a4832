"""Several runs on one page: tasks under each other, run by run, nothing pooled."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from leitai.comparison.metric_words import metric_of
from leitai.comparison.report.costing import about
from leitai.comparison.report.data import Contender, ReportData
from leitai.comparison.report.markdown import escape, markdown_table
from leitai.comparison.report.overview import OverviewRow, overview_row
from leitai.comparison.report.rendering import render
from leitai.comparison.report.strings import STRINGS
from leitai.comparison.report.svg import Axis, line, marker, spanning, tag
from leitai.comparison.report.views import (
    Cell,
    TaskView,
    from_verdict,
    headline,
    overall_colour,
    task_views,
)
from leitai.comparison.wording import Bilingual

_STRIP = 200.0


@dataclass(frozen=True, slots=True)
class Line:
    """One contender of one run in one task; `key` is its letter in that run."""

    key: str
    name: str
    cell: Cell
    best: bool
    strip: Markup


@dataclass(frozen=True, slots=True)
class Part:
    """One run's share of a task: who took part, and what it shows in words."""

    run: str
    level: str
    n_text: str
    result: Bilingual
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class TaskTable:
    """One task of one metric in all runs that have it; `items` says whether they asked the same."""

    name: str
    metric: Bilingual
    higher_is_better: bool
    parts: tuple[Part, ...]
    items: Bilingual | None


def render_several(runs: Sequence[ReportData], folders: Sequence[str]) -> dict[str, str]:
    """Return report.html and report.md of several runs, by file name.

    Args:
        runs: in the order in which they are shown.
        folders: their folders' names, which tell runs of one name apart.
    """
    labels = run_labels([str(run.verdict["name"]) for run in runs], folders)
    tables, notes = task_tables(runs, labels), conflicts(runs, labels)
    context = {
        "kind": "several_report",
        "name": "",
        "count": len(runs),
        "runs": [_run(run, label) for run, label in zip(runs, labels, strict=True)],
        "tables": tables,
        "notes": notes,
    }
    return {
        "report.html": render("several.html.jinja", context, (), ()),
        "report.md": _markdown(runs, labels, tables, notes),
    }


def run_labels(names: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Name each run so that no two have one label: by name, then folder, then number."""
    often = Counter(names)
    labels = [
        name if often[name] == 1 else f"{name} ({folder})"
        for name, folder in zip(names, folders, strict=True)
    ]
    often = Counter(labels)
    return [
        label if often[label] == 1 else f"{label} #{number}"
        for number, label in enumerate(labels, 1)
    ]


def _run(run: ReportData, label: str) -> dict[str, object]:
    return {
        "label": label,
        "headline": headline(run),
        "colour": overall_colour(run),
        "reason": from_verdict(run, "reason"),
        "contenders": [
            (key, run.contenders[key].name, about(run.contenders[key], run.costs[key]))
            for key in run.keys
        ],
    }


def task_tables(runs: Sequence[ReportData], labels: Sequence[str]) -> list[TaskTable]:
    """Gather the runs' tasks by name and metric, in the order in which they first come."""
    found: dict[tuple[str, str], list[tuple[str, ReportData, TaskView]]] = {}
    for run, label in zip(runs, labels, strict=True):
        for task in task_views(run):
            found.setdefault((task.name, task.raw["metric"]), []).append((label, run, task))
    return [_table(entries) for entries in found.values()]


def _table(entries: Sequence[tuple[str, ReportData, TaskView]]) -> TaskTable:
    task = entries[0][2]
    rows = [overview_row(run, task) for _, run, task in entries]
    ends = [end for row in rows for cell in row.cells.values() for end in (cell.low, cell.high)]
    least = 0.02 if metric_of(task.raw["metric"]).unit.axis == 100 else 1e-3
    axis = Axis(*spanning(ends, pad=0.06, least=least), 6.0, _STRIP - 6.0)
    asked = {
        frozenset((item.input, item.expected) for item in part.items)
        for _, run, view in entries
        for part in run.tasks
        if part.task == view.name
    }
    same = STRINGS["items_same" if len(asked) == 1 else "items_other"]
    return TaskTable(
        name=task.name,
        metric=task.metric,
        higher_is_better=task.higher_is_better,
        parts=tuple(
            _part(label, run, view, row, axis)
            for (label, run, view), row in zip(entries, rows, strict=True)
        ),
        items=same if len(entries) > 1 else None,
    )


def _part(label: str, run: ReportData, task: TaskView, row: OverviewRow, axis: Axis) -> Part:
    result = row.result
    if row.sign:
        sign = f"A {row.sign} B"
        result = Bilingual(f"{sign} ({result.en})", f"{sign}（{result.zh}）")
    return Part(
        run=label,
        level=task.level,
        n_text=task.rows[0].n_text,
        result=result,
        lines=tuple(
            Line(key, run.contenders[key].name, cell, key in row.best, _strip(key, cell, axis))
            for key, cell in row.cells.items()
        ),
    )


def _strip(key: str, cell: Cell, axis: Axis) -> Markup:
    """Draw one value with its interval, small enough for a table's cell."""
    x1, x2, class_ = axis(cell.low), axis(cell.high), f"whisker stroke-{key.lower()}"
    return tag(
        "svg",
        line(0, 9, _STRIP, 9, "rule"),
        line(x1, 9, x2, 9, class_),
        *(line(x, 5, x, 13, class_) for x in (x1, x2)),
        marker(key, axis(cell.value), 9.0),
        viewBox=f"0 0 {_STRIP:.0f} 18",
        class_="strip",
        aria_hidden="true",
    )


def conflicts(runs: Sequence[ReportData], labels: Sequence[str]) -> list[Bilingual]:
    """Tell which names stand for other weights in another run."""
    found: dict[str, list[tuple[str, Contender]]] = {}
    for run, label in zip(runs, labels, strict=True):
        for card in run.contenders.values():
            found.setdefault(card.name, []).append((label, card))
    notes = []
    for name, cards in found.items():
        in_runs = list(dict.fromkeys(label for label, _ in cards))
        weights = {(card.model, card.weights_sha256) for _, card in cards}
        if len(in_runs) > 1 and len(weights) > 1:
            listed = Bilingual(", ".join(in_runs), "、".join(in_runs))
            notes.append(STRINGS["weights_other"].format(name=name, runs=listed))
    return notes


def _markdown(
    runs: Sequence[ReportData],
    labels: Sequence[str],
    tables: Sequence[TaskTable],
    notes: Sequence[Bilingual],
) -> str:
    parts = []
    for language in ("en", "zh"):

        def say(words: Bilingual, language: str = language) -> str:
            return words.zh if language == "zh" else words.en

        head = [say(STRINGS[key]) for key in ("run", "contender", "items_short", "score", "result")]
        blocks = [
            f"# {say(STRINGS['several_title'].format(count=len(runs)))}",
            say(STRINGS["several_intro"]),
            *(
                f"**{escape(label)}**{say(STRINGS['colon'])}"
                + escape(say(from_verdict(run, "reason")))
                for run, label in zip(runs, labels, strict=True)
            ),
        ]
        for table in tables:
            arrow = "↑" if table.higher_is_better else "↓"
            blocks.append(f"## {escape(table.name)} · {say(table.metric)} {arrow}")
            rows = []
            for part in table.parts:
                for row in part.lines:
                    to = say(STRINGS["to"])
                    score = f"{row.cell.text} ({row.cell.low_text}{to}{row.cell.high_text})"
                    named = f"{row.key} {row.name}"
                    cells = [part.run, named, part.n_text, score, say(part.result)]
                    rows.append([escape(cell) for cell in cells])
            blocks.append(markdown_table(head, rows))
            if table.items:
                blocks.append(say(table.items))
        blocks += [escape(say(note)) for note in notes]
        parts.append("\n\n".join(blocks))
    return "\n\n---\n\n".join(parts) + "\n"
