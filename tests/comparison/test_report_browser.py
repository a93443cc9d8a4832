"""The page in a real browser, where one is installed: what its script makes of it."""

import re
import shutil
import subprocess

import pytest
from duel_example import example
from scripted import script, write_spec
from test_report_page import Page

from leitai.comparison.duel import compare
from leitai.comparison.report import write_report

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(folder, example(120))
    return folder / "report.html"


def run(page, fragment, tmp_path):
    """Return the document after its scripts have run, and the browser's log."""
    options = "--headless --no-sandbox --disable-gpu --no-first-run --disable-sync"
    options += " --disable-background-networking --disable-component-update --disable-quic"
    done = subprocess.run(
        [
            BROWSER,
            *options.split(),
            f"--user-data-dir={tmp_path}",
            "--enable-logging=stderr",
            "--window-size=360,800",
            "--virtual-time-budget=2000",
            "--dump-dom",
            f"{page.as_uri()}#{fragment}",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout, done.stderr


def test_chinese_and_dark_by_the_address(page, tmp_path):
    document, log = run(page, "lang=zh&theme=dark", tmp_path)
    assert "CONSOLE" not in log  # no error, nothing refused by the policy
    root = re.search(r"<html[^>]*>", document)[0]
    assert 'data-lang="zh"' in root
    assert 'lang="zh-CN"' in root
    assert 'data-theme="dark"' in root
    assert 'aria-pressed="true">仅 A 对<span class="count">' in document
    assert "参考答案" in document
    assert 'placeholder="搜索题目与回答"' in document


def test_english_lists_the_first_group(page, tmp_path):
    document, log = run(page, "lang=en", tmp_path)
    assert "CONSOLE" not in log
    group = re.search(r'aria-pressed="true">Only A right<span class="count">(\d+)<', document)
    shown = min(int(group[1]), 20)
    assert document.count('<li class="item">') == shown
    assert f"1–{shown} of {group[1]}" in document


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_summary_is_one_page_of_paper(page, tmp_path, language):
    for fragment, wanted in (("&print=summary", {1}), ("", range(2, 99))):
        out = tmp_path / "out.pdf"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
        subprocess.run(
            [
                BROWSER,
                *options,
                f"--user-data-dir={tmp_path}",
                f"--print-to-pdf={out}",
                f"{page.as_uri()}#lang={language}{fragment}",
            ],
            capture_output=True,
            timeout=60,
            check=True,
        )
        assert len(re.findall(rb"/Type\s*/Page\b", out.read_bytes())) in wanted


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    folder = tmp_path_factory.mktemp("four")
    with pytest.MonkeyPatch.context() as monkeypatch:
        script(monkeypatch)
        path = write_spec(folder, [90, 65, 60], references=["majority"])
        return compare(path, folder / "run").folder / "report.html"


def test_groups_of_many_contenders_hold_the_items_they_say(four, tmp_path):
    (task,) = Page(four.read_text("utf-8")).payload("items")
    marks = [[bool(row[4 + 4 * i + 1]) for i in range(4)] for row in task["rows"]]
    wanted = {
        "They differ": sum(0 < sum(m) < 4 for m in marks),
        "Only A right": sum(m == [True, False, False, False] for m in marks),
        "Only D right": sum(m == [False, False, False, True] for m in marks),
        "All wrong": sum(not any(m) for m in marks),
        "All right": sum(map(all, marks)),
        "All": len(marks),
    }
    document, log = run(four, "lang=en", tmp_path)
    assert "CONSOLE" not in log
    shown = re.findall(r'aria-pressed="(\w+)">([\w ]+)<span class="count">([\d,]+)<', document)
    counts = {label: int(count.replace(",", "")) for _, label, count in shown}
    assert {label: counts[label] for label in wanted} == wanted
    assert [label for pressed, label, _ in shown if pressed == "true"] == ["They differ"]

    document, log = run(four, "lang=en&right=A&wrong=B,D", tmp_path / "own")
    assert "CONSOLE" not in log
    own = sum(m[0] and not m[1] and not m[3] for m in marks)
    assert f"of {own}<" in document
    assert 'aria-pressed="true">They differ' not in document
    assert 'class="of-a" aria-label="A"' in document
