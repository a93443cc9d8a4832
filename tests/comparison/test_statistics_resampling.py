"""Ratios of sums: bootstrap and permutation test against scipy and by simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from leitai.comparison.statistics import compare_ratio, paired_bootstrap, sign_flip_test


def scores(rng, n, gap=0.0, noise=0.15):
    """Bits and bytes of two contenders whose bits per byte differ by `gap`, long-tailed sizes."""
    size = np.ceil(rng.lognormal(4, 0.7, n))
    base = rng.gamma(20, 0.08, n)
    a, b = (np.stack([size * (base + g + rng.normal(0, noise, n)), size], 1) for g in (gap, 0.0))
    return a, b


def ratio_difference(numerator_a, denominator_a, numerator_b, denominator_b, axis=-1):
    return numerator_a.sum(axis) / denominator_a.sum(axis) - numerator_b.sum(
        axis
    ) / denominator_b.sum(axis)


def test_bca_against_scipy():
    a, b = scores(np.random.default_rng(1), 60, gap=0.05)
    columns = (a[:, 0], a[:, 1], b[:, 0], b[:, 1])
    theirs = stats.bootstrap(
        columns,
        ratio_difference,
        paired=True,
        vectorized=True,
        method="BCa",
        n_resamples=40_000,
        rng=np.random.default_rng(2),
    ).confidence_interval
    found = paired_bootstrap(a, b, resamples=40_000, seed=3)
    width = theirs.high - theirs.low
    assert found.difference.value == pytest.approx(ratio_difference(*columns), rel=1e-12)
    assert found.difference.interval(0.05) == pytest.approx(theirs, abs=0.03 * width)
    single = stats.bootstrap(
        (a[:, 0], a[:, 1]),
        lambda x, y, axis=-1: x.sum(axis) / y.sum(axis),
        paired=True,
        vectorized=True,
        method="BCa",
        n_resamples=40_000,
        rng=np.random.default_rng(4),
    ).confidence_interval
    assert found.a.interval(0.05) == pytest.approx(single, abs=0.03 * (single.high - single.low))


def test_bca_matches_scipy_step_by_step_on_its_own_replicates():
    """With scipy's replicates in place of ours, the corrections alone are compared."""
    a, b = scores(np.random.default_rng(11), 25, gap=0.1, noise=0.5)
    columns = (a[:, 0], a[:, 1], b[:, 0], b[:, 1])
    theirs = stats.bootstrap(
        columns,
        ratio_difference,
        paired=True,
        vectorized=True,
        method="BCa",
        rng=np.random.default_rng(2),
    )
    ours = paired_bootstrap(a, b).difference
    ours = type(ours)(ours.value, np.sort(theirs.bootstrap_distribution), ours.jackknife)
    low, high = theirs.confidence_interval
    assert ours.interval(0.05) == pytest.approx((low, high), rel=1e-3)


def test_sign_flips_against_scipys_exact_test():
    rng = np.random.default_rng(5)
    for gap in (0.0, 0.08, 0.2):
        a, b = scores(rng, 11, gap=gap)
        exact = stats.permutation_test(
            (a[:, 0], b[:, 0]),  # equal denominators divide every swap alike
            lambda x, y, axis=-1: x.sum(axis) - y.sum(axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=np.inf,
        ).pvalue
        ours = sign_flip_test(a, b, resamples=50_000, seed=1)
        assert ours == pytest.approx(exact, abs=4 * math.sqrt(exact / 50_000) + 2e-4)


def test_unequal_denominators_are_swapped_with_their_numerators():
    a = np.array([[1.0, 1.0], [2.0, 2.0], [30.0, 10.0]])
    b = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 10.0]])
    swaps = [np.array([i >> k & 1 for k in range(3)], dtype=bool) for i in range(8)]

    def difference(swap):
        one, other = np.where(swap[:, None], b, a), np.where(swap[:, None], a, b)
        return abs(ratio_difference(one[:, 0], one[:, 1], other[:, 0], other[:, 1]))

    observed = difference(np.zeros(3, dtype=bool))
    exact = np.mean([difference(swap) >= observed - 1e-12 for swap in swaps])
    assert sign_flip_test(a, b, resamples=40_000) == pytest.approx(exact, abs=0.01)


def test_swapping_the_contenders_changes_signs_only():
    a, b = scores(np.random.default_rng(6), 80, gap=0.03)
    one, other = compare_ratio(a, b, margin=0.05), compare_ratio(b, a, margin=0.05)
    assert other.difference.value == -one.difference.value
    low, high = one.difference.interval
    assert other.difference.interval == pytest.approx((-high, -low), rel=1e-9)
    assert other.p == one.p
    assert other.p_equivalence == pytest.approx(one.p_equivalence, rel=1e-9)
    assert (other.a, other.b) == (one.b, one.a)


def test_the_same_seed_gives_the_same_numbers():
    a, b = scores(np.random.default_rng(7), 50)
    first = compare_ratio(a, b, margin=0.02, seed=4)
    assert compare_ratio(a, b, margin=0.02, seed=4) == first
    assert compare_ratio(a, b, margin=0.02, seed=5) != first


def test_the_equivalence_test_is_the_interval_inverted():
    rng = np.random.default_rng(8)
    for _ in range(20):
        a, b = scores(rng, 40, gap=rng.uniform(-0.1, 0.1))
        gap = paired_bootstrap(a, b, resamples=1_999).difference
        low, high = gap.interval(0.1)
        assert gap.p_above(high) == pytest.approx(0.05, abs=0.004)
        assert gap.p_below(low) == pytest.approx(0.05, abs=0.004)


def test_spread_is_the_standard_deviation_of_an_items_difference():
    a, b = scores(np.random.default_rng(9), 400, gap=0.1)
    a[:, 1] = b[:, 1] = 1.0
    spread = paired_bootstrap(a, b, resamples=99).difference.spread
    assert spread == pytest.approx(np.std(a[:, 0] - b[:, 0], ddof=1), rel=1e-9)


def test_few_items_are_never_called_equivalent():
    tiny = np.array([[1.0, 1.0]]), np.array([[1.0 + 1e-6, 1.0]])
    found = compare_ratio(*tiny, margin=0.5)
    assert found.p == found.p_equivalence == 1.0
    assert found.difference.interval.low <= 0 <= found.difference.interval.high
    many = np.repeat(tiny[0], 19, 0), np.repeat(tiny[1], 19, 0)
    assert compare_ratio(*many, margin=0.5).p_equivalence == 1.0
    same = np.repeat(tiny[0], 20, 0)
    found = compare_ratio(same, same, margin=0.5)
    assert (found.p, found.p_equivalence) == (1.0, 1.0)  # of unbounded scores nothing else is known


def test_coverage_and_false_verdicts_by_simulation():
    """300 duels of 60 items between equals: the interval covers, winners are rarely named."""
    rng = np.random.default_rng(10)
    covered = rejected = 0
    for seed in range(300):
        a, b = scores(rng, 60, gap=0.0, noise=0.3)
        found = compare_ratio(a, b, margin=0.05, resamples=599, seed=seed)
        covered += found.difference.interval.low <= 0 <= found.difference.interval.high
        rejected += found.p <= 0.05
    assert covered >= 0.92 * 300
    assert rejected <= 0.08 * 300
