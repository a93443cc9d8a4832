"""report.md: the same facts in short, English first, then Chinese."""

import re

from leitai.comparison.report.arms import ArmRow, ComponentRow, arm_rows, component_rows
from leitai.comparison.report.auditing import SIGNS, audit_counts
from leitai.comparison.report.costing import cost_rows
from leitai.comparison.report.data import ReportData
from leitai.comparison.report.describing import notes
from leitai.comparison.report.overview import OverviewRow, overview
from leitai.comparison.report.preferred import PreferenceView, preference_views
from leitai.comparison.report.references import against_references
from leitai.comparison.report.search import SearchView, search_view
from leitai.comparison.report.strings import STRINGS
from leitai.comparison.report.views import (
    Cell,
    TaskView,
    choice,
    from_verdict,
    headline,
    task_views,
)
from leitai.comparison.wording import Bilingual


def render_markdown(data: ReportData) -> str:
    """Render the report as Markdown that every viewer shows alike."""
    return "\n\n---\n\n".join(_Writer(data, language).write() for language in ("en", "zh")) + "\n"


def escape(text: str) -> str:
    """Make a text mean itself: no markup, no links, no table cells, one line."""
    text = re.sub(r"([\\`*_\[\]#|~<>&$])", r"\\\1", " ".join(text.split()))
    text = re.sub(r"(?i)(https?|www)([:.])", r"\1\\\2", text)
    return re.sub(
        r"^(\d*)([-+=.)])(?=\s|$|[-=])", r"\1\\\2", text
    )  # a list or a heading, were it first


class _Writer:
    def __init__(self, data: ReportData, language: str) -> None:
        self.data, self.language = data, language

    def write(self) -> str:
        data = self.data
        blocks = [
            f"# {self.say(headline(data))}",
            self.say(from_verdict(data, "reason")),
            self.word("how_sure") + self.word("colon") + self.say(from_verdict(data, "certainty")),
        ]
        if (taken := choice(data)) is not None:
            blocks.append(self.word("take") + self.word("colon") + self.say(taken))
        tasks = task_views(data)
        if told := against_references(data, tasks[0]):
            said = " ".join(map(self.say, told))
            blocks.append(self.word("references") + self.word("colon") + said)
        if rows := overview(data, tasks):
            blocks += [f"## {self.word('overview')}", self.overview(rows)]
        blocks.append(f"## {self.word('scores')}")
        for task in tasks:
            blocks += [self.title(task), self.scores(task)]
            if task.unparsed:
                blocks.append(self.say(task.unparsed))
        if arms := arm_rows(data):
            blocks += [f"## {self.word('arms')}", self.word("arms_intro"), self.arms(arms)]
            if found := component_rows(data):
                blocks += [f"### {self.word('components')}", self.say(found[0])]
                blocks.append(self.components(found[1]))
        if views := preference_views(data):
            blocks += [f"## {self.word('preferences')}", self.word("preferences_intro")]
            for view in views:
                blocks += [f"### {self.say(view.title)}", self.say(view.about)]
                blocks.append(self.preferences(view))
        if (search := search_view(data)) is not None:
            blocks += [f"## {self.word('search')}", self.say(search.intro), self.trials(search)]
        blocks += [f"## {self.word('cost')}", self.costs()]
        blocks += [f"## {self.word('fairness')}", self.say(audit_counts(data.audit)), self.audit()]
        blocks += [f"## {self.word('method')}"]
        blocks += [f"**{self.say(term)}** {self.say(text)}" for term, text in notes(data)]
        return "\n\n".join(block for block in blocks if block)

    def say(self, words: Bilingual) -> str:
        return escape(words.zh if self.language == "zh" else words.en)

    def word(self, key: str, **parts: str) -> str:
        words = STRINGS[key].format(**parts)
        return words.zh if self.language == "zh" else words.en

    def names(self) -> list[str]:
        return [f"{key} {escape(self.data.contenders[key].name)}" for key in self.data.keys]

    def title(self, task: TaskView) -> str:
        direction = self.word("higher_is_better" if task.higher_is_better else "lower_is_better")
        margin = self.word("margin_band", margin=self.say(task.margin))
        return f"### {escape(task.name)} · {self.say(task.metric)} · {direction} · {margin}"

    def scores(self, task: TaskView) -> str:
        many = len(self.data.contenders) > 2
        several = many or len(self.data.verdict["tasks"]) > 1
        names = [self.word("pair"), "1", "2"] if many else self.names()
        difference = self.word("difference" if many else "difference_ab")
        head = [self.word("slice"), "n", *names, difference, "p"]
        head += [self.word("p_adjusted")] * several
        rows = []
        for row in task.rows:
            for pair in row.pairs:
                result = self.say(pair.result)
                if pair.more:
                    result += self.aside(self.say(pair.more))
                cells = (row.scores[pair.a], row.scores[pair.b], pair.difference)
                chances = [pair.p_text, pair.p_holm_text][: 1 + several]
                named = [f"{pair.a} − {pair.b}"] * many
                shown = [*named, *map(self.cell, cells), *map(escape, chances), result]
                rows.append([self.say(row.name), row.n_text, *shown])
        return markdown_table([*head, self.word("result")], rows)

    def cell(self, cell: Cell) -> str:
        return escape(cell.text) + self.aside(cell.low_text + self.word("to") + cell.high_text)

    def aside(self, text: str) -> str:
        return f"（{text}）" if self.language == "zh" else f" ({text})"

    def overview(self, rows: list[OverviewRow]) -> str:
        lines = []
        for row in rows:
            arrow = "↑" if row.higher_is_better else "↓"
            name = f"{escape(row.name)} · {self.say(row.metric)} {arrow}"
            cells = [
                f"**{self.cell(cell)}**" if key in row.best else self.cell(cell)
                for key, cell in row.cells.items()
            ]
            told = self.say(row.result)
            if row.sign:
                told = escape(f"A {row.sign} B") + self.aside(told)
            lines.append([name, *cells, told])
        head = [self.word("task"), *self.names()]
        return markdown_table([*head, self.word("result")], lines)

    def arms(self, rows: list[ArmRow]) -> str:
        pairs = list(rows[0].differences)
        head = [self.word("arm"), "n", *self.names(), *(p.replace("-", " − ") for p in pairs)]
        return markdown_table(
            head,
            [
                [
                    self.say(row.name),
                    row.n_text,
                    *(self.cell(row.scores[key]) for key in self.data.keys),
                    *(self.cell(row.differences[pair]) for pair in pairs),
                ]
                for row in rows
            ],
        )

    def components(self, rows: list[ComponentRow]) -> str:
        head = [self.word("pair"), self.word("difference"), "p", self.word("variances")]
        return markdown_table(
            head,
            [
                [
                    row.pair.replace("-", " − "),
                    self.cell(row.difference),
                    escape(row.p_text),
                    self.say(row.variances),
                ]
                for row in rows
            ],
        )

    def preferences(self, view: PreferenceView) -> str:
        words = ("slice", "pair", "first_preferred", "second_preferred", "tie", "log_odds")
        return markdown_table(
            [*map(self.word, words), "p"],
            [
                [
                    self.say(row.name),
                    escape(row.pair),
                    *(row.first, row.second, row.tie),
                    self.say(row.odds),
                    escape(row.p_text),
                ]
                for row in view.rows
            ],
        )

    def costs(self) -> str:
        rows = []
        for row in cost_rows(self.data):
            name = self.say(row.name)
            if row.direction:
                name += self.aside(self.word(f"{row.direction}_is_better"))
            cells = [
                f"**{self.say(cell.text)}**" if cell.best else self.say(cell.text)
                for cell in row.cells
            ]
            rows.append([name, *cells, *[row.ratio] * (len(cells) == 2)])
        return markdown_table(
            [
                self.word("quantity"),
                *self.names(),
                *[self.word("ratio")] * (len(self.data.keys) == 2),
            ],
            rows,
        )

    def trials(self, search: SearchView) -> str:
        rows = []
        for row in search.rows:
            cells = [
                f"**{self.say(cell.text)}**" if cell.chosen else self.say(cell.text)
                for cell in row.cells
            ]
            rows.append([str(row.number), *map(escape, row.values), *cells])
        return markdown_table(
            [self.word("trial"), *map(self.say, search.columns), *self.names()], rows
        )

    def audit(self) -> str:
        rows = [
            [
                self.say(finding.title),
                *(escape(value[:300]) for value in finding.values),
                f"{SIGNS[finding.status]} {self.word(f'status_{finding.status}')}",
                self.say(finding.note),
            ]
            for finding in self.data.audit
        ]
        head = [self.word("check"), *self.names(), self.word("status"), self.word("explanation")]
        return markdown_table(head, rows)


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    """A table of cells that are escaped already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
