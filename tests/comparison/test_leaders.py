"""Verdicts among more than two: who leads, who is best, and what reference rows may not do."""

from dataclasses import replace
from itertools import combinations

import pytest

from leitai.comparison.pairing import ItemScore, TaskScores
from leitai.comparison.statistics import holm
from leitai.comparison.verdict import decide

ITEMS = 400


def graded(answers):
    return [
        ItemScore(f"item-{i}", (), float(right), 1.0, bool(right))
        for i, right in enumerate(answers)
    ]


def verdict_of(rates, *, margin=0.03, references=(), tasks=1):
    """Contenders that are right on the first so many items of a hundred, in every hundred."""
    scores = {
        key: graded([i % 100 < rate for i in range(ITEMS)])
        for key, rate in zip("ABCDEFGH", rates, strict=False)
    }
    names = {
        key: {"name": key.lower(), "kind": "reference" if key in references else "checkpoint"}
        for key in scores
    }
    made = [
        TaskScores(f"t{n}", "accuracy", True, margin, scores, primary=n == 0) for n in range(tasks)
    ]
    return decide("many", names, made)


def test_the_best_beats_every_other():
    verdict = verdict_of([60, 80, 50])
    overall = verdict["overall"]
    assert (overall["verdict"], overall["winner"], overall["leaders"]) == ("best", "B", ["B"])
    assert overall["ranking"] == ["B", "A", "C"]
    assert verdict["duels"] == ["A-B", "A-C", "B-C"]
    for part in ("b is the best of 3", "80.0%", "a with 60.0%", "400 items"):
        assert part in overall["reason"]["en"]
    assert overall["reason"]["zh"].startswith("在 t0 上，b 是 3 个选手中最好的")
    assert "9" not in overall["certainty"]["en"].split("Adjusted")[1]


def test_equal_leaders_are_equivalent_and_the_rest_is_behind():
    overall = verdict_of([80, 80, 50])["overall"]
    assert (overall["verdict"], overall["winner"]) == ("equivalent", None)
    assert overall["leaders"] == ["A", "B"]
    assert "a and b are equivalent" in overall["reason"]["en"]


def test_close_leaders_are_undecided_and_the_items_they_lack_are_told():
    verdict = verdict_of([80, 79, 50], margin=0.0)
    overall = verdict["overall"]
    assert (overall["verdict"], overall["leaders"]) == ("undecided", ["A", "B"])
    row = verdict["tasks"][0]["slices"][0]["pairs"]["A-B"]
    assert f"about {row['more_items']:,} more items" in overall["reason"]["en"]


def test_holm_runs_over_all_tasks_and_pairs():
    verdict = verdict_of([60, 62, 66, 70], tasks=2)
    rows = [
        task["slices"][0]["pairs"][f"{a}-{b}"]
        for task in verdict["tasks"]
        for a, b in combinations("ABCD", 2)
    ]
    assert len(rows) == 12
    assert [r["p_holm"] for r in rows] == pytest.approx(holm([r["p"] for r in rows]), rel=1e-4)


def test_a_reference_row_is_shown_and_never_wins():
    verdict = verdict_of([70, 60, 90], references="C")
    overall = verdict["overall"]
    assert (overall["verdict"], overall["winner"], overall["ranking"]) == ("best", "A", ["A", "B"])
    pairs = verdict["tasks"][0]["slices"][0]["pairs"]
    assert pairs["A-C"]["verdict"] == "b_better"
    assert pairs["A-C"]["p_holm"] is None
    # The two that compete are adjusted as if nobody else were there.
    assert pairs["A-B"]["p_holm"] == pairs["A-B"]["p"]
    assert "a is better than b" in overall["reason"]["en"]


def test_clusters_are_counted_where_items_belong_together():
    scores = {
        key: [replace(s, group=f"g{i // 4}") for i, s in enumerate(graded([1, 0] * 40))]
        for key in "AB"
    }
    task = TaskScores("t", "accuracy", True, 0.03, scores)
    report = decide("d", {key: {"name": key} for key in "AB"}, [task])["tasks"][0]
    assert report["clustered"]
    assert report["slices"][0]["clusters"] == 20


def test_places_are_the_ranks_that_are_left_possible():
    overall = verdict_of([50, 80, 52, 20], margin=0.0)["overall"]
    places = {key: (one["best"], one["worst"]) for key, one in overall["places"].items()}
    # 2 points of 400 items apart, always on the same items: shown; equals are not.
    assert places == {"B": (1, 1), "C": (2, 2), "A": (3, 3), "D": (4, 4)}
    overall = verdict_of([50, 80, 50, 20], margin=0.0)["overall"]
    places = {key: (one["best"], one["worst"]) for key, one in overall["places"].items()}
    assert places == {"B": (1, 1), "A": (2, 3), "C": (2, 3), "D": (4, 4)}
