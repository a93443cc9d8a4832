"""Metrics of service, recommendation and dialogue, held against their definitions."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitai.evaluation.metrics.classes import false_positive_rate, macro_f1, precision, recall
from leitai.evaluation.metrics.consistency import contradictions, repetition
from leitai.evaluation.metrics.ranking import (
    hit_rate,
    ndcg,
    position_bias,
    rank_of,
    reciprocal_rank,
)
from leitai.evaluation.metrics.rouge import rouge_l

LABELS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["a", "b", "c", None])),
    min_size=1,
    max_size=12,
)


@given(LABELS)
def test_macro_f1_is_the_mean_of_harmonic_means(pairs):
    expected, found = zip(*pairs, strict=True)
    scores = []
    for label in {*expected, *found} - {None}:
        hits = sum(e == f == label for e, f in pairs)
        p = hits / max(1, sum(f == label for f in found))
        r = hits / max(1, sum(e == label for e in expected))
        scores.append(2 * p * r / (p + r) if p + r else 0.0)
    assert macro_f1(expected, found) == pytest.approx(np.mean(scores))


def test_macro_f1_of_a_published_example():
    # scikit-learn's documentation of f1_score: y_true, y_pred, macro 0.26...
    expected, found = "012012", "021001"
    assert macro_f1(expected, found) == pytest.approx(0.26666666666666666)


def test_handing_over_by_hand():
    needed = [True, True, True, False, False]
    over = [True, False, False, True, False]
    assert precision(needed, over) == 1 / 2
    assert recall(needed, over) == 1 / 3
    assert false_positive_rate(needed, over) == 1 / 2
    assert math.isnan(precision(needed, [False] * 5))
    assert math.isnan(false_positive_rate([True], [True]))


@given(st.text("ab ", max_size=9), st.text("ab ", max_size=9))
def test_rouge_l_is_the_longest_common_subsequence(a, b):
    # every subsequence, written out; words of one letter, so that any of them is a unit
    ours, theirs = " ".join(a).split(), " ".join(b).split()
    subsequences = {
        tuple(theirs[i] for i in chosen)
        for n in range(len(theirs) + 1)
        for chosen in combinations(range(len(theirs)), n)
    }
    longest = max(
        n
        for n in range(len(ours) + 1)
        for chosen in combinations(range(len(ours)), n)
        if tuple(ours[i] for i in chosen) in subsequences
    )
    p, r = longest / max(1, len(ours)), longest / max(1, len(theirs))
    f1 = 2 * p * r / (p + r) if p + r else 0.0
    assert rouge_l(" ".join(ours), " ".join(theirs)) == pytest.approx(f1)


def test_rouge_l_counts_chinese_characters_and_english_words():
    assert rouge_l("我的书到了", "我的书没到") == pytest.approx(2 * 4 / 10)
    # Lin (2004), section 3: "police kill the gunman" against "police killed the gunman": 3 of 4
    assert rouge_l("Police kill the gunman.", "police killed the gunman") == pytest.approx(3 / 4)
    assert rouge_l("the gunman kill police", "police killed the gunman") == pytest.approx(2 / 4)
    assert rouge_l("", "书") == 0.0


def test_a_rank_counts_equals_before_the_right_one():
    assert rank_of([3.0, 1.0, 2.0], 0) == 1
    assert rank_of([3.0, 1.0, 2.0], 1) == 3
    assert rank_of([1.0, 1.0, 1.0], 0) == 3


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=15, unique=True), st.data())
def test_ndcg_is_gain_over_ideal_gain(scores, data):
    right = data.draw(st.integers(0, len(scores) - 1))
    order = np.argsort(scores)[::-1]
    gains = (order == right).astype(float)
    discounts = 1 / np.log2(np.arange(len(scores)) + 2)
    for k in (1, 5, 10):
        ideal = (np.sort(gains)[::-1] * discounts)[:k].sum()
        rank = rank_of(scores, right)
        assert ndcg(rank, k) == pytest.approx((gains * discounts)[:k].sum() / ideal)
        assert hit_rate(rank, k) == gains[:k].sum()
    assert reciprocal_rank(rank) == 1 / (1 + list(order).index(right))


def test_position_bias():
    always_first = position_bias([0] * 8, [10] * 8)
    assert always_first == pytest.approx(math.sqrt(3 / 11))
    assert position_bias([9] * 8, [10] * 8) == pytest.approx(always_first)
    assert position_bias(range(10), [10] * 10) == pytest.approx(0.0)
    assert math.isnan(position_bias([], []))
    # Pearson's correlation of mid-ranks, written out
    chosen, offered = [0, 0, 2, 1], [3, 3, 3, 3]
    places = np.array([0, 1, 2] * 4, dtype=float)
    taken = np.array([1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0], dtype=float)
    ranks = [[(v < x).sum() + ((v == x).sum() + 1) / 2 for x in v] for v in (places, taken)]
    assert position_bias(chosen, offered) == pytest.approx(abs(np.corrcoef(*ranks)[0, 1]))


def test_contradictions_are_other_values_of_a_settled_slot():
    accepted = ["next Friday", "LD51208", "周四"]
    rivals = {"day": ["Friday", "Monday", "周五"], "order": ["LD5120", "LD60411"]}

    def found(text):
        return contradictions(text, accepted, rivals)

    assert found("LD51208 comes next Friday.") == []
    assert found("It comes on monday.") == [("day", "Monday")]
    assert found("Mondays are quiet; LD604110 too") == []
    assert found("LD60411 周五送达") == [("day", "周五"), ("order", "LD60411")]


def test_repetition_is_the_share_of_runs_that_one_turn_holds():
    assert repetition("周四送达。", ["预计周四送达。谢谢"]) == 1.0
    assert repetition("abcdef", ["abcd", "cdef"]) == pytest.approx(1 / 3)
    assert repetition("a b c d", ["abcd"]) == 1.0
    assert repetition("abc", ["abc"]) == 0.0
    assert repetition("anything at all", []) == 0.0


def test_a_longer_accepted_value_is_taken_out_first():
    rivals = {"sea": ["Cortez"]}
    assert contradictions("the Sea of Cortez", ["Sea", "Sea of Cortez"], rivals) == []
    assert contradictions("the Sea, or Cortez", ["Sea"], rivals) == [("sea", "Cortez")]
