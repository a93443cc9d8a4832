"""Stopping early: capital against closed forms and enumeration, error rates by simulation."""

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitai.comparison.statistics import (
    Evidence,
    confidence_sequence,
    decided,
    evidence,
)
from leitai.comparison.statistics.sequential import CERTAIN, STAKES, Sizes, capital

ternary = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=60).map(np.array)
bounded = st.lists(st.floats(-1, 1), min_size=1, max_size=40).map(np.array)


def test_for_right_or_wrong_it_is_a_mixture_of_likelihood_ratios_of_the_discordant_items():
    rng = np.random.default_rng(1)
    differences = rng.choice([-1.0, 0.0, 1.0], 200, p=[0.1, 0.7, 0.2])
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    # A share of wins of (1 + c) / 2 against one half, averaged over c.
    ratios = [
        math.comb(wins + losses, wins)
        * ((1 + c) / 2) ** wins
        * ((1 - c) / 2) ** losses
        / (math.comb(wins + losses, wins) * 0.5 ** (wins + losses))
        for c in STAKES
    ]
    assert capital(differences, 0.0)[-1] == pytest.approx(np.mean(ratios), rel=1e-9)


@pytest.mark.parametrize("mean", [-0.3, 0.0, 0.2])
def test_the_game_is_fair_when_the_claim_holds(mean):
    """Expected capital under the claim, summed over all outcomes of five items."""
    values, rates = (-1.0, 0.0, 1.0), ((0.5 - mean) / 2, 0.5, (0.5 + mean) / 2)
    expected = 0.0
    for outcome in itertools.product(range(3), repeat=5):
        chance = math.prod(rates[k] for k in outcome)
        expected += chance * capital(np.array([values[k] for k in outcome]), mean)[-1]
    assert expected == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("pool", [(0.5, -0.25, 0.75, -1.0, 0.1, 0.0), (1.0, 1.0, 0.0, 0.0, -1.0)])
def test_the_game_is_fair_over_all_orders_of_a_pool(pool):
    orders = np.array(list(itertools.permutations(pool)))
    mean, n = float(np.mean(pool)), len(pool)
    for count in range(1, n):
        paths = capital(orders[:, :count], mean, population=n)
        assert paths[:, -1].mean() == pytest.approx(1.0, rel=1e-9)


def by_hand(differences, mean, population):
    """The formula at the head of the module, item by item."""
    m, total, seen = (1 + mean) / 2, [1.0] * len(STAKES), 0.0
    path = []
    for i, d in enumerate(differences):
        y = (1 + d) / 2
        expected = m if population is None else (population * m - seen) / (population - i)
        total = [k * (1 - c + c * y / expected) for k, c in zip(total, STAKES, strict=True)]
        seen += y
        path.append(sum(total) / len(total))
    return path


@pytest.mark.parametrize("population", [None, 200])
def test_the_whole_path_against_a_loop(population):
    rng = np.random.default_rng(2)
    differences = rng.uniform(-1, 1, 100)
    ours = capital(differences, 0.1, population=population)
    assert ours == pytest.approx(by_hand(differences, 0.1, population), rel=1e-9)


@given(bounded, st.floats(-0.9, 0.9), st.floats(0.0, 0.5), st.sampled_from([None, 50]))
def test_a_lower_claim_is_easier_to_refute(differences, mean, step, population):
    lower = capital(differences, max(mean - step, -0.95), population=population)
    higher = capital(differences, mean, population=population)
    assert np.all(lower >= higher * (1 - 1e-9) - 1e-12)


@given(st.one_of(ternary, bounded), st.sampled_from([None, 60]))
def test_swapping_the_contenders_changes_signs_only(differences, population):
    one = evidence(differences, margin=0.1, population=population)
    other = evidence(-differences, margin=0.1, population=population)
    assert np.array_equal(one.higher, other.lower)
    assert np.array_equal(one.equivalent, other.equivalent)
    low, high = confidence_sequence(differences, population=population)
    assert confidence_sequence(-differences, population=population) == (-high, -low)


@given(ternary, st.integers(1, 60), st.sampled_from([0.05, 0.3]))
def test_chunks_do_not_matter_and_a_decision_stays(differences, cut, margin):
    whole = decided(differences, margin=margin, alpha=0.2)
    part = decided(differences[:cut], margin=margin, alpha=0.2)
    if part is not None:
        assert part == whole
    elif whole is not None:
        assert whole.n > min(cut, len(differences)) or cut >= len(differences)


@settings(deadline=None)
@given(st.one_of(ternary, bounded), st.sampled_from([None, 60]))
def test_the_sequence_agrees_with_the_evidence(differences, population):
    alpha = 0.1
    low, high = confidence_sequence(differences, alpha=alpha, population=population)
    assert -1 <= low <= high <= 1
    found = evidence(differences, margin=0.1, population=population)
    clear = abs(math.log(found.different[-1] * alpha)) > 1e-3
    assert (low > 0 or high < 0) == (found.different[-1] >= 1 / alpha) or not clear
    earlier = confidence_sequence(differences[:-1], alpha=alpha, population=population)
    assert earlier.low <= low
    assert high <= earlier.high


@given(st.one_of(ternary, bounded))
def test_a_whole_pool_leaves_a_point(differences):
    n = len(differences)
    low, high = confidence_sequence(differences, population=n)
    mean = float(differences.mean())
    assert low - 1e-6 <= mean <= high + 1e-6
    assert high - low < 2e-5
    certain = evidence(differences, margin=0.5, population=n)
    if abs(mean) > 1e-4:
        assert certain.different[-1] == CERTAIN / 2
    if abs(mean) < 0.5 - 1e-4:
        assert certain.equivalent[-1] == CERTAIN


def test_what_is_decided():
    rng = np.random.default_rng(3)
    apart = rng.choice([-1.0, 0.0, 1.0], 2_000, p=[0.07, 0.76, 0.17])
    found = decided(apart, margin=0.03)
    assert found.outcome == "a_higher"
    assert found.n < 600
    assert found.e_value >= 20
    assert found.interval.low > 0
    assert decided(-apart, margin=0.03).outcome == "b_higher"
    alike = np.tile([0.02, -0.02], 600)
    found = decided(alike, margin=0.05)
    assert found.outcome == "equivalent"
    assert found.e_value >= 20
    assert decided(alike, margin=0.0) is None
    assert decided(np.zeros(0), margin=0.05) is None
    assert decided(100 * alike, margin=5.0, span=100).n == found.n
    low, high = decided(100 * alike, margin=5.0, span=100).interval
    assert (low / 100, high / 100) == pytest.approx(found.interval, rel=1e-9)


@pytest.mark.parametrize(
    ("differences", "population", "message"),
    [
        ([0.5, 1.5], None, "within -1 and 1"),
        ([0.5, math.nan], None, "within -1 and 1"),
        ([0.5, 0.1], 1, "2 differences of a population of 1"),
    ],
)
def test_refusals(differences, population, message):
    with pytest.raises(ValueError, match=message):
        decided(np.array(differences), margin=0.1, population=population)


def draws_between_equals(rng, duels, n):
    yield rng.choice([-1.0, 0.0, 1.0], (duels, n), p=[0.1, 0.8, 0.1])
    # Skewed, with mean 0: many small wins, few large losses.
    yield rng.choice([-0.9, 0.1], (duels, n), p=[0.1, 0.9])


def ever(found: Evidence, name, alpha):
    return (getattr(found, name)[:, -1] >= 1 / alpha).mean()


def test_errors_stay_below_alpha_whenever_one_stops():
    """1,500 duels: the share that is ever wrong, with a true difference of 0 and at the margin."""
    rng, alpha, margin = np.random.default_rng(4), 0.05, 0.05
    for differences in draws_between_equals(rng, 1_500, 600):
        assert ever(evidence(differences, margin=margin), "different", alpha) <= 0.06
        at_margin = np.clip(differences + margin, -1, 1)
        if differences.max() < 0.9:
            assert ever(evidence(at_margin, margin=margin), "equivalent", alpha) <= 0.06
    wins = rng.choice([-1.0, 0.0, 1.0], (1_500, 600), p=[0.075, 0.8, 0.125])
    assert ever(evidence(wins, margin=margin), "equivalent", alpha) <= 0.06


def test_errors_on_pools_stay_below_alpha():
    rng = np.random.default_rng(5)
    pool = np.concatenate([np.ones(40), -np.ones(40), np.zeros(220)])
    found = evidence(rng.permuted(np.tile(pool, (1_500, 1)), axis=1), margin=0.0, population=300)
    assert ever(found, "different", 0.05) <= 0.06
    pool[40:55] = 0.0  # 15 wins more: a difference of exactly 0.05
    found = evidence(rng.permuted(np.tile(pool, (1_500, 1)), axis=1), margin=0.05, population=300)
    assert ever(found, "equivalent", 0.05) <= 0.06


def test_two_thousand_items_take_milliseconds():
    differences = np.random.default_rng(6).choice([-1.0, 0.0, 1.0], 2_000, p=[0.1, 0.79, 0.11])
    start = time.perf_counter()
    decided(differences, margin=0.03, population=2_000)
    assert time.perf_counter() - start < 1.0


def test_clusters_of_one_size_are_items_of_their_means():
    rng = np.random.default_rng(4)
    means = rng.uniform(-0.4, 0.9, 50)
    sizes = Sizes(np.full(50, 7.0), 7.0)
    for claimed in (-0.3, 0.0, 0.2):
        one, other = capital(7 * means, claimed, sizes=sizes), capital(means, claimed)
        assert one == pytest.approx(other, rel=1e-9)
    one, other = decided(7 * means, margin=0.05, sizes=sizes), decided(means, margin=0.05)
    assert (one.outcome, one.n) == (other.outcome, other.n)
    assert one.interval == pytest.approx(other.interval, abs=1e-9)


def test_clusters_of_all_sizes_hold_alpha_for_the_mean_over_items():
    """Large clusters favour A, small ones B: a mean over clusters would be far from zero."""
    rng = np.random.default_rng(12)
    counts = rng.choice([1.0, 4.0], (600, 80))
    # 4 x (0.6 - 0.5) = 1 x (0.5 - 0.1)
    right = rng.random((600, 80)) < np.where(counts == 4, 0.6, 0.1)
    sums = counts * (right - 0.5)
    found = [
        evidence(row, margin=0.0, sizes=Sizes(size, 4.0)).different.max() >= 20
        for row, size in zip(sums, counts, strict=True)
    ]
    assert np.mean(found) <= 0.06
