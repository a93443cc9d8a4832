"""Preferences summed up, kept beside a run, and shown in its report."""

from duel_example import example

from leitai.comparison.preferences import keep_preferences, read_preferences, summarise
from leitai.comparison.report import render_markdown, render_page
from leitai.evaluation.judging import TIE, Judgement, Preference


def judged(outcomes, pair=("A", "B")):
    return Judgement(
        tuple(
            Preference(f"i{n}", pair, outcome, 2, True, ("zh" if n % 2 else "en",))
            for n, outcome in enumerate(outcomes)
        )
    )


def test_votes_are_counted_by_slice_and_pair(tmp_path):
    found = summarise(judged("AAAB" * 5 + "B"), task="blurbs", judge="people", asked=30)
    assert (found["judged"], found["asked"]) == (21, 30)
    whole, english, chinese = found["slices"]
    assert whole["pairs"]["A-B"] == {"first": 15, "second": 6, "tie": 0}
    assert (english["slice"], english["pairs"]["A-B"]["first"]) == ("en", 10)
    assert chinese["pairs"]["A-B"] == {"first": 5, "second": 5, "tie": 0}
    gap = found["gaps"]["A-B"]
    assert gap["low"] < gap["value"] < gap["high"]
    path = keep_preferences(tmp_path, found)
    keep_preferences(tmp_path, found | {"judge": "a/b model"})
    assert path.name == "blurbs-people.json"
    assert [one["judge"] for one in read_preferences(tmp_path)] == ["a/b model", "people"]


def test_the_report_shows_each_judge_in_both_languages():
    data = example()
    assert 'id="preferences"' not in render_page(data)
    people = summarise(judged("AAB" * 7), task="blurbs", judge="people <b>", asked=30)
    model = summarise(judged("AA" + TIE), task="blurbs", judge="m", asked=3)
    data = data.model_copy(update={"preferences": (people, model)})
    page, text = render_page(data), render_markdown(data)
    assert 'id="preferences"' in page and "<b>" not in page.split('id="preferences"')[1][:3000]
    for words in ("21 of 30 comparisons judged.", "共 30 次比较，已评 21 次。"):
        assert words in page and words in text
    assert "never lost" in text and "从未落败" in text
    assert "## Preferences" in text and "## 偏好" in text
