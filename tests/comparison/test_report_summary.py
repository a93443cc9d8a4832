"""The first sheet of paper: what stands on it, and that long lists stay short."""

import re

import pytest
from duel_example import example
from test_report_page import Page

from leitai.comparison.report import Finding
from leitai.comparison.report.auditing import audit_counts, worries
from leitai.comparison.report.page import render_page
from leitai.comparison.report.summary import summary
from leitai.comparison.report.views import Cell, task_views
from leitai.comparison.wording import Bilingual


@pytest.fixture(scope="module")
def data():
    return example(120)


def sheet_of(html, language):
    part = re.search(r'<section id="summary">.*?</section>', html, re.DOTALL)[0]
    return Page(part).shown(language).replace("\u00a0", " ")


def test_the_sheet_has_question_verdict_figures_cost_audit_and_limits(data):
    html = render_page(data)
    english, chinese = (sheet_of(html, language) for language in ("en", "zh"))
    for words in (
        "Which is better on intents (and 1 more), Qwen3 nano or Llama 3 nano, and at what cost?",
        data.verdict["overall"]["reason"]["en"],
        "Training time",
        "4 checks: ✓ 2 ok, ○ 1 note, ▲ 1 warning",
        "▲ Trainable parameters (A 1,283,456, B 1,279,872): the duel is of sizes",
        "not another training seed",
        "1f9ac03b1f9a",
    ):
        assert words in english
    task = task_views(data)[0]
    pair, row = task.rows[0].pairs[0], task.rows[0]
    for text in (row.n_text, row.scores["A"].text, row.scores["B"].text, pair.difference.text):
        assert text in english
        assert text in chinese
    assert "哪个更好" in chinese
    assert "Print summary" in Page(html).shown("en")


def test_long_lists_end_with_how_many_more_there_are(data):
    grave = Finding(
        check="x",
        title=Bilingual("t" * 300, "题" * 300),
        values=("v" * 80, "w" * 80),
        status="warning",
        note=Bilingual("n" * 300, "注" * 300),
    )
    refused = grave.model_copy(update={"status": "refused", "values": ("7", "7")})
    audit = (*data.audit, *[grave] * 9, refused)
    told = worries(audit, data.keys)
    assert len(told) == 11
    assert told[0].en.startswith("✕ T")  # the refusal first, what both showed once
    assert "(7)" in told[0].en
    assert max(len(words.en) for words in told) < 250
    assert audit_counts(audit).en.endswith("✕ 1 refused")

    tasks = task_views(data)
    found = summary(data.model_copy(update={"audit": audit}), tasks * 5)
    assert (len(found.tasks), found.tasks_left_out) == (6, 4)
    assert (len(found.worries), found.worries_left_out) == (3, 8)
    assert found.charts == ()
    assert len(summary(data, tasks).charts) == 2


def test_a_difference_seen_from_the_other_side():
    cell = Cell(0.05, -0.01, 0.11, "+5.0", "−1.0", "+11.0")
    other = cell.reversed()
    assert (other.value, other.low, other.high) == (-0.05, -0.11, 0.01)
    assert (other.text, other.low_text, other.high_text) == ("−5.0", "−11.0", "+1.0")
