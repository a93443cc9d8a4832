"""Few items that differ: no verdict without enough of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitai.comparison.statistics import compare_ratio
from leitai.comparison.statistics.sparse import bounded_interval, p_at_most, p_outside


def sums(scores, sizes=None):
    scores = np.asarray(scores, dtype=float)
    sizes = np.ones(len(scores)) if sizes is None else np.asarray(sizes, dtype=float)
    return np.stack([scores * sizes, sizes], axis=1)


@pytest.mark.parametrize(("items", "sure"), [(20, False), (60, False), (100, False), (250, True)])
def test_ties_alone_show_equivalence_only_in_large_numbers(items, sure):
    same = sums(np.full(items, 0.67))
    found = compare_ratio(same, same, margin=0.03, bounded=True)
    assert (found.p_equivalence <= 0.05) == sure
    assert (found.inner.high < 0.03) == sure
    assert found.inner.low == pytest.approx(-found.inner.high, abs=1e-6)


@pytest.mark.parametrize("items", [20, 30, 60, 100])
def test_a_difference_of_the_margin_is_rarely_called_equivalent(items):
    """A differs on three items in a hundred, and by a whole point then: the mean is the margin."""
    rng = np.random.default_rng(items)
    one = sums(np.ones(items))
    called = 0
    for _ in range(400):
        other = sums((rng.random(items) >= 0.03).astype(float))
        found = compare_ratio(one, other, margin=0.03, resamples=199, bounded=True)
        called += found.p_equivalence <= 0.05
    assert called <= 400 * 0.05 + 3 * np.sqrt(400 * 0.05 * 0.95)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.floats(-0.5, 0.5))
def test_the_interval_holds_what_the_tests_do_not_refute(seed, limit):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, 40)
    a, b = sums(rng.random(40), sizes), sums(rng.random(40), sizes)
    low, high = bounded_interval(a, b, 0.1)
    value = a[:, 0].sum() / a[:, 1].sum() - b[:, 0].sum() / b[:, 1].sum()
    assert low <= value <= high
    assert (p_at_most(a, b, limit) <= 0.05) == (limit <= low) or abs(limit - low) < 1e-6
    assert p_outside(a, b, 0.2) == p_outside(b, a, 0.2)


def test_the_test_holds_its_level_by_simulation_with_clusters_of_all_sizes():
    """Large clusters favour A, small ones B, so that only a mean over items is zero."""
    rng = np.random.default_rng(3)
    refuted = 0
    for _ in range(1_000):
        sizes = rng.choice([1, 4], 40)
        chance = np.where(sizes == 4, 0.6, 0.1)  # expected: 4 x 0.1 of A - 1 x 0.4 of B = 0
        a = sums((rng.random(40) < chance).astype(float), sizes)
        refuted += p_at_most(a, sums(np.full(40, 0.5), sizes), 0.0) <= 0.05
    assert refuted <= 1_000 * 0.05 + 3 * np.sqrt(1_000 * 0.05 * 0.95)


def test_many_differing_items_are_judged_by_resampling_alone():
    rng = np.random.default_rng(5)
    a, b = sums(rng.random(200)), sums(rng.random(200))
    assert compare_ratio(a, b, margin=0.1, bounded=True) == compare_ratio(a, b, margin=0.1)
