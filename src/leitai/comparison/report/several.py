"""Several runs on one page: tasks side by side, contenders matched by name, nothing pooled."""

from collections.abc import Sequence

from jinja2 import Environment

from leitai.comparison.report.data import ReportData
from leitai.comparison.report.markdown import escape
from leitai.comparison.report.overview import SIGNS
from leitai.comparison.report.strings import STRINGS
from leitai.comparison.report.views import task_views

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Leitai 擂台</title></head><body>
<h1>{{ title }}</h1>
<table border="1" cellpadding="6"><thead><tr>{% for cell in head %}<th>{{ cell }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table>
{% for note in notes %}<p>{{ note }}</p>
{% endfor %}</body></html>
"""  # noqa: E501


def render_several(runs: Sequence[ReportData]) -> dict[str, str]:
    """Return report.html and report.md of several runs, by file name.

    Args:
        runs: in the order in which they are shown; contenders of one name share a column.
    """
    names = list(dict.fromkeys(c.name for run in runs for c in run.contenders.values()))
    both = {key: f"{STRINGS[key].en} / {STRINGS[key].zh}" for key in ("overview", "task", "result")}
    head = [STRINGS["report"].en, both["task"], *names, both["result"]]
    rows = [row for run in runs for row in _rows(run, names)]
    notes = _conflicts(runs, names)
    page = Environment(autoescape=True).from_string(_PAGE)
    lines = [head, ["---"] * len(head), *([escape(cell) for cell in row] for row in rows)]
    lines[0] = [escape(cell) for cell in head]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    blocks = [f"# {both['overview']}", table, *map(escape, notes)]
    return {
        "report.html": page.render(title=both["overview"], head=head, rows=rows, notes=notes),
        "report.md": "\n\n".join(blocks) + "\n",
    }


def _rows(run: ReportData, names: list[str]) -> list[list[str]]:
    rows = []
    for task in task_views(run):
        first = task.rows[0]
        scores = {run.contenders[key].name: cell for key, cell in first.scores.items()}
        shown = [
            f"{scores[n].text} ({scores[n].low_text} – {scores[n].high_text})"
            if n in scores
            else "–"
            for n in names
        ]
        told = [
            f"{run.contenders[p.a].name} {SIGNS.get(p.verdict, '')} {run.contenders[p.b].name}"
            for p in first.pairs
        ]
        title = f"{task.name} · {task.metric.en} {'↑' if task.higher_is_better else '↓'}"
        rows.append([str(run.verdict["name"]), title, *shown, "; ".join(told)])
    return rows


def _conflicts(runs: Sequence[ReportData], names: list[str]) -> list[str]:
    """Tell which names stand for other weights in another run."""
    notes = []
    for name in names:
        cards = [c for run in runs for c in run.contenders.values() if c.name == name]
        if len({(card.model, card.weights_sha256) for card in cards}) > 1:
            notes.append(f"{name}: other weights under one name. 同名模型在各次运行中的权重不同。")
    return notes
