"""Several runs on one page: of one house with the report, runs told apart, nothing pooled."""

import pytest
from duel_example import example
from test_report_page import Page, hostile

from leitai.comparison.report.several import conflicts, render_several, run_labels


@pytest.fixture(scope="module")
def data():
    return example(60)


def renamed(data, **names):
    cards = {
        key: card.model_copy(update={"name": names.get(key, card.name)})
        for key, card in data.contenders.items()
    }
    return data.model_copy(update={"contenders": cards})


def heavier(data):
    card = data.contenders["A"].model_copy(update={"weights_sha256": "0" * 64})
    return data.model_copy(update={"contenders": {**data.contenders, "A": card}})


def test_runs_stand_under_each_other_in_both_languages(data):
    files = render_several([data, data], ["one", "two"])
    page = Page(files["report.html"])
    english, chinese = page.shown("en"), page.shown("zh")
    for label in ("bookshop (one)", "bookshop (two)"):
        assert label in english
        assert label in chinese
    assert "2 runs side by side" in english
    assert "2 次运行并列" in chinese
    assert "The same items in every run." in english
    assert "other weights" not in english
    lines = [a for tag, a in page.elements if tag == "svg" and a.get("class") == "strip"]
    assert len(lines) == 2 * 2 * len(data.verdict["tasks"])
    parts = files["report.md"].split("\n\n---\n\n")
    for part in parts:
        rows = [line for line in part.splitlines() if line.startswith("|")]
        assert len(rows) == (2 + 4) * len(data.verdict["tasks"])
        assert "A Qwen3 nano" in part


def test_the_page_is_of_one_house_with_the_report(data):
    page = Page(render_several([data, data], ["one", "two"])["report.html"])
    policy = next(a["content"] for _, a in page.elements if "content" in a and "http-equiv" in a)
    assert policy.startswith("default-src 'none'; ")
    assert [s[0] for s in page.scripts] == ["script", "style", "script", "script"]
    assert ("html", {"lang": "en", "data-lang": "en"}) in page.elements
    buttons = [a.get("data-set-lang") for tag, a in page.elements if tag == "button"]
    assert {"en", "zh"} <= set(buttons)
    for tag, attributes in page.elements:
        assert tag not in ("link", "img", "form")
        assert attributes.get("href", "#").startswith("#")
        if tag == "th":
            assert attributes["scope"] in ("col", "row", "rowgroup")


def test_one_name_for_other_weights_is_told_by_run(data):
    (note,) = conflicts([data, heavier(data)], ["one", "two"])
    assert note.en == "Qwen3 nano: other weights under one name in one, two."
    assert conflicts([data, data], ["one", "two"]) == []


def test_equal_names_within_a_run_keep_their_own_lines(data):
    twins = renamed(data, A="twin", B="twin")
    page = Page(render_several([twins, data], ["one", "two"])["report.html"])
    values = [a["value"] for tag, a in page.elements if tag == "data"]
    scores = data.verdict["tasks"][0]["slices"][0]["scores"]
    assert values.count(str(scores["A"]["value"])) == 2
    assert values.count(str(scores["B"]["value"])) == 2
    assert conflicts([twins, twins], ["one", "two"]) != []  # two models share the name


def test_runs_of_one_name_are_told_apart_by_folder_then_number():
    assert run_labels(["a", "b"], ["x", "y"]) == ["a", "b"]
    assert run_labels(["a", "a"], ["x", "y"]) == ["a (x)", "a (y)"]
    assert run_labels(["a", "a"], ["x", "x"]) == ["a (x) #1", "a (x) #2"]


def test_other_items_are_told(data):
    other = example(60, seed=8)
    page = Page(render_several([data, other], ["one", "two"])["report.html"])
    assert "different items" in page.shown("en")


def test_hostile_text_stays_text(data):
    text = render_several([hostile(data), data], ["<b>", "two"])["report.html"]
    text = text.encode("utf-8", "replace").decode("utf-8")
    page = Page(text)
    assert sum(tag == "script" for tag, _ in page.elements) == 3
    assert "<img" not in text
