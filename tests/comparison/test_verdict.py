"""From per-item scores to verdict.json: rules, refusals, determinism, sentences."""

import json
import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from leitai.base import LeitaiError
from leitai.base.files import to_json
from leitai.comparison.pairing import ItemScore, TaskScores
from leitai.comparison.statistics import holm, tango_interval, wilson
from leitai.comparison.verdict import decide

NAMES = {"A": {"name": "qwen", "model": "scratch:q"}, "B": {"name": "llama", "model": "scratch:l"}}


def graded(answers, slices=lambda i: ()):
    return [
        ItemScore(f"item-{i}", slices(i), float(right), 1.0, bool(right))
        for i, right in enumerate(answers)
    ]


def duel(wins, losses, both, neither, **settings):
    a = [1] * wins + [0] * losses + [1] * both + [0] * neither
    b = [0] * wins + [1] * losses + [1] * both + [0] * neither
    defaults = {
        "task": "intents",
        "metric": "accuracy",
        "higher_is_better": True,
        "margin": 0.03,
    }
    return TaskScores(**{**defaults, "scores": {"A": graded(a), "B": graded(b)}, **settings})


def measured(gap, n=200, seed=1, **settings):
    """Bits per byte of two contenders, B worse by `gap`."""
    rng = random.Random(seed)
    a, b = [], []
    for i in range(n):
        size, base = rng.randint(20, 300), rng.gauss(1.5, 0.2)
        for side, shift in ((a, 0.0), (b, gap)):
            bits = size * (base + shift + rng.gauss(0, 0.05))
            side.append(ItemScore(f"t{i}", (("zh", "en")[i % 2],), bits, float(size)))
    defaults = {"metric": "bits_per_byte", "higher_is_better": False, "margin": 0.02}
    return TaskScores(**{"task": "prose", **defaults, "scores": {"A": a, "B": b}, **settings})


def only(verdict):
    """The pair of two contenders over all items of the only task."""
    return verdict["tasks"][0]["slices"][0]["pairs"]["A-B"]


def scores(verdict):
    return verdict["tasks"][0]["slices"][0]["scores"]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ((60, 20, 400, 20), "a_better"),
        ((20, 60, 400, 20), "b_better"),
        ((20, 15, 400, 65), "undecided"),
        ((10, 10, 2_000, 100), "equivalent"),
        ((30, 5, 5_000, 10), "equivalent"),  # surely different, surely less than the margin
        ((5, 0, 5, 0), "undecided"),  # the sign test needs six
        ((6, 0, 5, 0), "a_better"),
        ((0, 0, 10, 0), "undecided"),
    ],
)
def test_rules_for_right_or_wrong(table, expected):
    verdict = decide("d", NAMES, [duel(*table)])
    assert only(verdict)["verdict"] == verdict["overall"]["verdict"] == expected
    little = table == (0, 0, 10, 0)  # ten ties say too little to forecast from
    told = only(verdict)["more_items"] is not None
    assert told == (expected == "undecided" and not little)


@pytest.mark.parametrize(
    ("gap", "margin", "expected"),
    [(0.1, 0.02, "a_better"), (-0.1, 0.02, "b_better"), (0.0, 0.02, "equivalent")],
)
def test_lower_bits_per_byte_wins(gap, margin, expected):
    verdict = decide("d", NAMES, [measured(gap, margin=margin)], resamples=999)
    row = only(verdict)
    assert row["verdict"] == expected
    assert row["test"] == "sign_flip"
    assert row["difference"]["value"] == pytest.approx(-gap, abs=0.02)


def test_the_numbers_are_those_of_the_statistics():
    verdict = decide("d", NAMES, [duel(60, 20, 400, 20)])
    row, a = only(verdict), scores(verdict)["A"]
    low, high = tango_interval(60, 20, 500)
    assert verdict["tasks"][0]["slices"][0]["n"] == 500
    assert row["difference"] == pytest.approx({"value": 0.08, "low": low, "high": high}, rel=1e-5)
    assert (a["low"], a["high"]) == pytest.approx(wilson(460, 500), rel=1e-5)
    assert row["p"] == pytest.approx(stats.binomtest(60, 80).pvalue, rel=1e-5)
    point = stats.binom.pmf(20, 80, 0.5)
    assert row["p_mid"] == pytest.approx(stats.binomtest(60, 80).pvalue - point, rel=1e-5)
    assert (row["a_only"], row["b_only"], row["margin"]) == (60, 20, 0.03)


def test_a_metric_of_sums_weighs_by_size():
    a = [ItemScore("x", (), 10.0, 10.0), ItemScore("y", (), 30.0, 90.0)]
    b = [ItemScore("x", (), 10.0, 10.0), ItemScore("y", (), 90.0, 90.0)]
    found = scores(decide("d", NAMES, [measured(0, scores={"A": a, "B": b})], resamples=99))
    assert (found["A"]["value"], found["B"]["value"]) == (0.4, 1.0)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 60), st.randoms())
def test_order_does_not_matter_and_swapping_swaps(wins, losses, both, rng):
    task = duel(wins, losses, both, 5)
    verdict = decide("d", NAMES, [task])
    a, b = task.scores["A"], task.scores["B"]
    shuffled = replace(task, scores={key: rng.sample(s, len(s)) for key, s in task.scores.items()})
    assert to_json(decide("d", NAMES, [shuffled])) == to_json(verdict)
    names = {"A": NAMES["B"], "B": NAMES["A"]}
    swapped = decide("d", names, [replace(task, scores={"A": b, "B": a})])
    row, mirror = only(verdict), only(swapped)
    assert mirror["difference"]["low"] == -row["difference"]["high"]
    assert (mirror["p"], mirror["more_items"]) == (row["p"], row["more_items"])
    turned = {"a_better": "b_better", "b_better": "a_better"}
    assert mirror["verdict"] == turned.get(row["verdict"], row["verdict"])
    if row["verdict"] in turned:
        assert swapped["overall"]["reason"] == verdict["overall"]["reason"]


def test_bits_per_byte_does_not_depend_on_item_order():
    task = measured(0.03, n=60)
    a, b = task.scores["A"], task.scores["B"]
    turned = replace(task, scores={"A": a[::-1], "B": b[1:] + b[:1]})
    first, second = (decide("d", NAMES, [t], resamples=499) for t in (task, turned))
    assert to_json(first) == to_json(second)


def test_floats_are_short_and_json_is_plain():
    verdict = decide("d", NAMES, [measured(0.01, n=50)], resamples=499)

    def walk(value):
        if isinstance(value, dict):
            for part in value.values():
                walk(part)
        elif isinstance(value, list):
            for part in value:
                walk(part)
        elif isinstance(value, float):
            assert math.isfinite(value)
            assert value == float(f"{value:.6g}")
            assert str(value) != "-0.0"

    walk(verdict)
    assert json.loads(to_json(verdict)) == verdict


def test_slices_follow_all_by_name_and_are_descriptive():
    rights = [1] * 30 + [0] * 10

    def language(i):
        return ("zh", "all") if i % 4 else ("en",)

    both = {"A": graded(rights, language), "B": graded(rights[::-1], language)}
    task = duel(0, 0, 0, 0, scores=both)
    rows = decide("d", NAMES, [task])["tasks"][0]["slices"]
    assert [(row["slice"], row["n"], row["role"]) for row in rows] == [
        ("all", 40, "confirmatory"),
        ("en", 10, "descriptive"),
        ("zh", 30, "descriptive"),
    ]
    pairs = [row["pairs"]["A-B"] for row in rows]
    assert pairs[0]["p_holm"] is not None
    assert pairs[1]["p_holm"] is pairs[2]["p_equivalence_holm"] is None


def test_several_tasks_are_adjusted_and_the_primary_one_decides():
    strong, weak = duel(60, 20, 400, 20, task="strong"), duel(25, 11, 400, 20, task="weak")
    alone = decide("d", NAMES, [weak])
    assert only(alone)["verdict"] == "a_better"
    third = duel(20, 20, 400, 20, task="third")
    verdict = decide("d", NAMES, [strong, replace(weak, primary=True), third])
    rows = [task["slices"][0]["pairs"]["A-B"] for task in verdict["tasks"]]
    assert [row["p_holm"] for row in rows] == pytest.approx(holm([row["p"] for row in rows]))
    assert rows[1]["p"] < 0.05 < rows[1]["p_holm"]
    assert [row["verdict"] for row in rows] == ["a_better", "undecided", "undecided"]
    assert (verdict["overall"]["task"], verdict["overall"]["verdict"]) == ("weak", "undecided")
    assert "3" in verdict["overall"]["certainty"]["en"]


def test_unreadable_answers_are_counted_and_bounded():
    task = duel(5, 3, 80, 12)
    a = [replace(score, parsed=score.id != "item-95") for score in task.scores["A"]]
    found = scores(decide("d", NAMES, [replace(task, scores={**task.scores, "A": a})]))
    a, b = found["A"], found["B"]
    assert (a["unparsed"], a["value"], a["best_case"]) == (1, 0.85, 0.86)
    assert (b["unparsed"], b["best_case"]) == (0, b["value"])


def test_sentences_name_everything():
    better = decide("d", NAMES, [duel(20, 60, 400, 20)])["overall"]
    assert better["winner"] == "B"
    for part in ("llama is better than qwen", "92.0%", "84.0%", "8.0 points", "95%", "500 items"):
        assert part in better["reason"]["en"]
    for part in ("llama 优于 qwen", "92.0%", "84.0%", "8.0 个百分点", "95%", "500 题"):
        assert part in better["reason"]["zh"]
    low, high = tango_interval(60, 20, 500)
    assert f"{100 * low:.1f} to {100 * high:.1f}" in better["reason"]["en"]
    assert "fewer than 1 of 10,000" in better["certainty"]["en"]

    equal = decide("d", NAMES, [duel(10, 10, 2_000, 100)])["overall"]
    assert equal["winner"] is None
    assert "equivalent" in equal["reason"]["en"]
    assert "90% interval" in equal["reason"]["en"]
    assert "等效" in equal["reason"]["zh"]

    open_question = decide("d", NAMES, [duel(20, 15, 400, 65)])
    more = only(open_question)["more_items"]
    assert f"about {more:,} more items" in open_question["overall"]["reason"]["en"]
    assert f"{more:,} 题" in open_question["overall"]["reason"]["zh"]

    lower = decide("d", NAMES, [measured(0.1)], resamples=999)["overall"]
    assert "lower is better" in lower["reason"]["en"]
    assert "越低越好" in lower["reason"]["zh"]


def test_names_with_braces_are_left_alone():
    names = {"A": {"name": "{n}"}, "B": {"name": "{0} <b>"}}
    assert (
        "{n} is better than {0} <b>"
        in decide("d", names, [duel(60, 20, 9, 9)])["overall"]["reason"]["en"]
    )


def _without(score_index):
    task = duel(3, 3, 10, 0)
    kept = [s for i, s in enumerate(task.scores["B"]) if i != score_index]
    return replace(task, scores={**task.scores, "B": kept})


def _changed(**change):
    task = duel(3, 3, 10, 0)
    first, *rest = task.scores["B"]
    return replace(task, scores={**task.scores, "B": [replace(first, **change), *rest]})


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([_without(4)], "1 only A, 0 only B, such as 'item-4'"),
        ([_changed(id="other")], "1 only A, 1 only B"),
        ([_changed(id="item-1")], "2 scores for the item 'item-1'"),
        ([_changed(slices=("zh",))], "'item-0' differs"),
        ([_changed(denominator=2.0)], "'item-0' differs"),
        ([_changed(denominator=0.0)], "expected a number over a positive one"),
        ([_changed(numerator=math.nan)], "expected a number over a positive one"),
        ([duel(0, 0, 0, 0)], "no items"),
        ([duel(1, 0, 5, 0, margin=-0.1)], "margin"),
        ([duel(1, 0, 5, 0), duel(1, 0, 5, 0, task="other")], "0 of 2 tasks are primary"),
        ([], "at least one task"),
    ],
)
def test_refusals(tasks, message):
    with pytest.raises(LeitaiError) as error:
        decide("d", NAMES, tasks)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_alpha_is_checked():
    with pytest.raises(LeitaiError, match="alpha"):
        decide("d", NAMES, [duel(1, 0, 5, 0)], alpha=0.7)


def test_equals_are_rarely_told_apart_and_never_too_often_called_equivalent():
    """False verdicts over 400 simulated duels, both kinds."""
    rng = random.Random(3)

    def verdicts(gap, margin, n):
        for _ in range(400):
            draws = rng.choices(["a", "b", "both"], [0.1 + gap / 2, 0.1 - gap / 2, 0.8], k=n)
            counts = (draws.count("a"), draws.count("b"), draws.count("both"), 0)
            yield only(decide("d", NAMES, [duel(*counts, margin=margin)]))["verdict"]

    wrong = sum(v in ("a_better", "b_better") for v in verdicts(0.0, 0.001, 150))
    assert wrong <= 0.08 * 400
    wrong = sum(v == "equivalent" for v in verdicts(0.08, 0.08, 150))
    assert wrong <= 0.08 * 400
