"""The smaller parts of a report: words, figures, drawings, Markdown, joining records."""

import re
import string
from dataclasses import replace

import pytest
from duel_example import example, intents
from hypothesis import given
from hypothesis import strategies as st

from leitai.base import LeitaiError
from leitai.comparison.metric_words import METRICS
from leitai.comparison.report import CurvePoint, LearningCurve, ReportData, TaskItems, write_report
from leitai.comparison.report.charts import curve_chart, difference_chart, score_chart, thin_out
from leitai.comparison.report.costing import short_count
from leitai.comparison.report.figures import bytes_of, count_of, duration_of, rate_of
from leitai.comparison.report.markdown import escape, render_markdown
from leitai.comparison.report.page import SCRIPT_WORDS
from leitai.comparison.report.strings import STRINGS
from leitai.comparison.report.svg import Axis, spanning
from leitai.comparison.wording import decimals, level, p_value


@pytest.fixture(scope="module")
def data():
    return example(120)


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_string_is_there_in_both_languages():
    for key, words in STRINGS.items():
        assert words.en.strip() if key not in ("colon", "to") else words.en, key
        assert words.zh.strip() if key != "to" else words.zh, key
        assert placeholders(words.en) == placeholders(words.zh), key
        same = words.en == words.zh
        assert same == (key in ("ratio", "alone_hint")), key
    for metric in METRICS.values():
        assert metric.name.en and metric.name.zh  # ROUGE-L is called so in both
        assert metric.meaning.en != metric.meaning.zh


def test_every_string_is_used_and_every_used_one_is_there():
    from importlib import resources

    folder = resources.files("leitai.comparison.report")
    sources = [p for p in folder.iterdir() if p.name.endswith(".py") and p.name != "strings.py"]
    sources += list(folder.joinpath("templates").iterdir())
    text = "\n".join(p.read_text(encoding="utf-8") for p in sources)
    families = ("kind_", "slice_", "def_", "status_", "manifest_", "factor_", "reference_")
    shown = {"lower_is_better", "higher_is_better"} | {
        f"{v}_short" for v in ("better", "equivalent", "undecided")
    }
    for key in STRINGS:
        known = key in shown or key.startswith(families)
        assert known or re.search(rf"""["']{key}["']""", text), f"{key} is never used"
    script = folder.joinpath("templates", "items.js").read_text(encoding="utf-8")
    said = set(re.findall(r"say\(\"(\w+)\"", script))
    assert said <= set(SCRIPT_WORDS) <= set(STRINGS)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (bytes_of(412_345_678), "412 MB"),
        (bytes_of(1_316_000_000), "1.32 GB"),
        (bytes_of(999_600_000), "1.00 GB"),
        (bytes_of(52_000), "52 KB"),
        (duration_of(0.4231).en, "0.42 s"),
        (duration_of(12.34).zh, "12.3 秒"),
        (duration_of(59.97).en, "1 min 00 s"),
        (duration_of(245.4).zh, "4 分 05 秒"),
        (duration_of(3_725).en, "1 h 02 min"),
        (count_of(1_243_118), "1,243,118"),
        (rate_of(1_234.5), "1,234"),
        (rate_of(3.456), "3.46"),
        (short_count(494_032_768), "494 M"),
        (short_count(1_235_814_400), "1.24 B"),
        (short_count(999_900), "1 M"),
        (decimals(-0.0004, 3, sign=True), "0.000"),
        (decimals(-1234.5, 1), "−1,234.5"),
        (p_value(0.00390625), "p = 0.0039"),
        (p_value(0.031), "p = 0.031"),
        (p_value(0.5), "p = 0.50"),
        (p_value(1.0), "p = 1.00"),
        (p_value(2e-7), "p < 0.0001"),
        (level(0.05), "95%"),
        (level(0.001), "99.9%"),
    ],
)
def test_figures(written, expected):
    assert written == expected


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4), st.integers(2, 8))
def test_ticks_are_round_few_and_inside(low, width, most):
    axis = Axis(low, low + width, 0.0, 100.0)
    ticks = axis.ticks(most)
    assert len(ticks) <= most + 1
    for value, text in ticks:
        assert low - 1e-6 * width <= value <= low + width * (1 + 1e-6)
        assert float(text.replace(",", "").replace("−", "-")) == pytest.approx(value, abs=1e-6)


@given(st.lists(st.floats(-10, 10), min_size=1), st.floats(0.01, 5))
def test_axes_hold_their_values(values, least):
    low, high = spanning(values, pad=0.1, least=least)
    assert low <= min(values) <= max(values) <= high
    assert high - low >= least * 0.999


def test_a_is_always_drawn_on_the_right_side(data):
    for task, better in zip(data.verdict["tasks"], ("A", "B"), strict=True):
        chart = str(difference_chart(task))
        row = task["slices"][0]["pairs"]["A-B"]
        zero = float(re.search(r'x1="([\d.]+)"[^>]*class="zero"', chart)[1])
        middle = float(re.search(r'<polygon points="[\d.]+,[\d.]+ ([\d.]+),', chart)[1])
        a_leads = (row["difference"]["value"] > 0) == task["higher_is_better"]
        assert (middle > zero) == a_leads, better


def test_scores_are_drawn_where_the_axis_says(data):
    task = data.verdict["tasks"][0]
    chart = str(score_chart(task)).split("</svg>")[0]
    ticks = {
        float(text): float(x)
        for x, text in re.findall(r'<text x="([\d.]+)"[^>]*class="tick">(\d+)</text>', chart)
    }
    (v1, x1), *_, (v2, x2) = sorted(ticks.items())
    dots = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', chart)]
    for row, dot in zip(task["slices"], dots, strict=True):
        wanted = x1 + (100 * row["scores"]["A"]["value"] - v1) / (v2 - v1) * (x2 - x1)
        assert dot == pytest.approx(wanted, abs=0.3)


def test_long_curves_are_thinned_and_empty_ones_left_out():
    points = [(float(i), 1.0 + i) for i in range(10_000)]
    thin = thin_out(points)
    assert len(thin) <= 240
    assert thin[-1][0] == 9_999
    assert curve_chart(LearningCurve(), "A") is None
    odd = LearningCurve(points=(CurvePoint(step=1, train_loss=float("inf")), CurvePoint(step=2)))
    assert curve_chart(odd, "A") is None
    single = LearningCurve(points=(CurvePoint(step=1, valid_loss=2.0),), best_step=1)
    assert "best, step 1" in curve_chart(single, "B")


def test_records_are_joined_by_id():
    import random

    a, b = intents(20, random.Random(1), ({"en": 1, "zh": 1},) * 2)
    joined = TaskItems.from_records("t", {"A": a, "B": b[::-1]})
    assert [i.id for i in joined.items] == [r.id for r in a]
    assert [i.answers["B"].answer for i in joined.items] == [r.answer for r in b]
    with pytest.raises(LeitaiError, match="same items"):
        TaskItems.from_records("t", {"A": a, "B": b[1:]})
    with pytest.raises(LeitaiError, match="same items"):
        TaskItems.from_records("t", {"A": a, "B": [replace(b[0], id="x"), *b[1:]]})


def test_report_data_survive_json(data):
    assert ReportData.model_validate_json(data.model_dump_json()) == data


def test_markdown_says_the_same_in_both_languages(data, tmp_path):
    write_report(tmp_path, data)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert text == render_markdown(data)
    english, chinese = text.split("\n\n---\n\n")
    assert english.count("\n") == chinese.strip().count("\n")
    assert data.verdict["overall"]["reason"]["en"] in english.replace("\\", "")
    assert data.verdict["overall"]["reason"]["zh"] in chinese.replace("\\", "")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        bars = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(bars) == 1
    assert len(rows) == 2 * (4 + 2 * 5 + 12 + 6)


@pytest.mark.parametrize(
    "text", ["a|b", "<b>x</b>", "[x](y)", "`code`", "*x*", "# x", "- x", "1. x", "a\nb", "$x$"]
)
def test_markdown_escapes(text):
    escaped = escape(text)
    assert "\n" not in escaped
    assert re.sub(r"\\(.)", r"\1", escaped) == text.replace("\n", " ")
    assert not re.search(r"(?<!\\)[|<`*$\[#]", escaped)
    assert not re.match(r"(-|\d+\.) ", escaped)
