"""The page in a real browser, where one is installed: what its script makes of it."""

import re
import shutil
import subprocess

import pytest
from duel_example import example

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
