"""The page of more than two contenders, and the page made again from files alone."""

import re

import pytest
from scripted import script, write_spec
from test_report_page import Page
from typer.testing import CliRunner

from leitai.cli.app import app
from leitai.comparison.duel import compare
from leitai.comparison.report.calibration import bins_of, calibration_error


@pytest.fixture
def run(tmp_path, monkeypatch):
    script(monkeypatch)
    extra = "verdict: {stopping: safe, look_from: 30, look_every: 20}"
    path = write_spec(tmp_path, [90, 65, 60], extra, references=["majority"])
    return compare(path, tmp_path / "run").folder


def test_several_contenders_are_shown_and_shown_again(run, tmp_path):
    written = (run / "report.html").read_text("utf-8")
    page = Page(written)
    shown = page.shown("en")
    for words in ("R90 is the best", "Row minus column", "A − D", "Evidence over the items A-B"):
        assert words in shown
    sheet = re.search(r'<section id="summary">.*?</section>', written, re.DOTALL)[0]
    assert "Difference to the first" in Page(sheet).shown("en")
    (task,) = page.payload("items")
    assert task["keys"] == ["A", "B", "C", "D"]
    assert {len(row) for row in task["rows"]} == {4 + 4 * 4}

    done = CliRunner().invoke(app, ["report", str(run), "--out", str(tmp_path / "again")])
    assert done.exit_code == 0, done.output
    for name in ("report.html", "report.md"):
        assert (tmp_path / "again" / name).read_bytes() == (run / name).read_bytes()


def test_calibration_error_of_known_answers():
    sure = [(0.95, True)] * 8 + [(0.95, False)] * 2
    assert calibration_error(bins_of(sure)) == pytest.approx(0.15)
    assert calibration_error(bins_of([(1.0, True), (0.0, False)])) == 0.0


def test_a_reference_row_that_is_better_is_told_beside_the_verdict(tmp_path, monkeypatch):
    script(monkeypatch)
    path = write_spec(tmp_path, [20, 15], references=["majority"])
    folder = compare(path, tmp_path / "run").folder
    page = Page((folder / "report.html").read_text("utf-8"))
    assert "majority reaches" in page.shown("en")
    assert "and is better than R20" in page.shown("en")
    assert "优于 R20" in page.shown("zh")
    assert "majority reaches" in (folder / "report.md").read_text("utf-8")
