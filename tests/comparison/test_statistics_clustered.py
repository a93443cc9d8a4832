"""Clusters: errors against statsmodels, the bootstrap against scipy, tests by exact enumeration."""

import itertools

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from leitai.comparison.statistics import compare_binary, compare_ratio
from leitai.comparison.statistics.clustered import cluster_totals, difference_error, effective_items


def clustered_scores(rng, clusters=30, gap=0.0):
    """Numerators and denominators of both sides; clusters of unequal size with an effect."""
    labels = np.repeat(np.arange(clusters), rng.integers(1, 9, clusters))
    n = len(labels)
    shared = rng.normal(gap, 0.3, clusters)[labels]
    size = np.ceil(rng.lognormal(2, 0.5, n))
    b = np.stack([size * rng.gamma(9, 0.1, n), size], 1)
    a = np.stack([b[:, 0] + size * (shared + rng.normal(0, 0.2, n)), size], 1)
    order = rng.permutation(n)
    return a[order], b[order], labels[order]


def clustered_answers(rng, clusters, size, gap=0.0, together=0.8):
    """Right or wrong on both sides; the items of a cluster mostly agree."""
    labels = np.repeat(np.arange(clusters), size)
    one = rng.random((clusters, 2))[labels]
    own = rng.random((clusters * size, 2))
    draws = np.where(rng.random((clusters * size, 1)) < together, one, own)
    return draws[:, 0] < 0.6 + gap, draws[:, 1] < 0.6, labels


def test_the_error_of_a_mean_difference_against_statsmodels():
    rng = np.random.default_rng(1)
    a, b, labels = clustered_scores(rng)
    a[:, 1] = b[:, 1] = 1.0
    fit = sm.OLS(a[:, 0] - b[:, 0], np.ones(len(a))).fit(
        cov_type="cluster", cov_kwds={"groups": labels}
    )
    assert difference_error(a, b, labels) == pytest.approx(fit.bse[0], rel=1e-10)
    plain = np.std(a[:, 0] - b[:, 0], ddof=1) / np.sqrt(len(a))
    assert difference_error(a, b) == pytest.approx(plain, rel=1e-12)


def test_the_error_of_a_ratio_against_statsmodels():
    """A ratio of sums is the constant of a regression weighted by the denominators."""
    a, _, labels = clustered_scores(np.random.default_rng(2))
    zero = np.stack([np.zeros(len(a)), np.ones(len(a))], 1)
    fit = sm.WLS(a[:, 0] / a[:, 1], np.ones(len(a)), weights=a[:, 1]).fit(
        cov_type="cluster", cov_kwds={"groups": labels}
    )
    assert difference_error(a, zero, labels) == pytest.approx(fit.bse[0], rel=1e-10)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(2, 40))
def test_a_cluster_for_each_item_changes_nothing(seed, n):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(1000)[:n]
    a, b = rng.random(n) < 0.6, rng.random(n) < 0.5
    assert compare_binary(a, b, margin=0.05, clusters=labels) == compare_binary(a, b, margin=0.05)
    one, other = (np.stack([rng.random(n), rng.integers(1, 5, n)], 1) for _ in "ab")
    alone = compare_ratio(one, other, margin=0.1, resamples=99)
    assert compare_ratio(one, other, margin=0.1, resamples=99, clusters=labels) == alone
    assert difference_error(one, other, labels) == pytest.approx(
        difference_error(one, other), rel=1e-9
    )


@given(st.integers(0, 10_000))
def test_names_and_order_of_clusters_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    a, b, labels = clustered_scores(rng, clusters=8)
    order, names = rng.permutation(len(a)), rng.permutation(50) - 20
    assert difference_error(a[order], b[order], names[labels][order]) == pytest.approx(
        difference_error(a, b, labels), rel=1e-9
    )
    totals = cluster_totals(a, labels)
    assert totals == pytest.approx(np.stack([a[labels == g].sum(0) for g in range(8)]))


def test_the_clustered_bca_interval_against_scipy():
    a, b, labels = clustered_scores(np.random.default_rng(3), clusters=40, gap=0.1)
    sums = [cluster_totals(side, labels) for side in (a, b)]

    def statistic(*columns, axis=-1):
        numerator, denominator, other, below = (column.sum(axis) for column in columns)
        return numerator / denominator - other / below

    theirs = stats.bootstrap(
        [side[:, k] for side in sums for k in (0, 1)],
        statistic,
        paired=True,
        vectorized=True,
        method="BCa",
        n_resamples=30_000,
        rng=np.random.default_rng(4),
    ).confidence_interval
    found = compare_ratio(a, b, margin=0.1, clusters=labels, resamples=30_000)
    width = theirs.high - theirs.low
    assert found.difference.interval == pytest.approx(theirs, abs=0.03 * width)
    assert (found.n, found.clusters, found.test) == (len(a), 40, "cluster_sign_flip")
    normal = 2 * 1.96 * difference_error(a, b, labels)
    assert width == pytest.approx(normal, rel=0.15)
    alone = compare_ratio(a, b, margin=0.1)
    assert width > 1.2 * (alone.difference.interval.high - alone.difference.interval.low)
    assert found.spread / np.sqrt(found.n) == pytest.approx(normal / 3.92, rel=0.1)


def test_whole_clusters_are_flipped():
    rng = np.random.default_rng(5)
    a, b, labels = clustered_answers(rng, clusters=9, size=4, gap=0.25)
    gaps = cluster_totals((a.astype(float) - b)[:, None], labels)[:, 0]
    flips = [abs(np.dot(signs, gaps)) for signs in itertools.product((-1, 1), repeat=9)]
    exact = np.mean(np.array(flips) >= abs(gaps.sum()) - 1e-9)
    found = compare_binary(a, b, margin=0.05, clusters=labels, resamples=40_000)
    assert found.p == pytest.approx(exact, abs=0.012)
    assert found.p_equivalence == 1.0  # nine clusters are too few
    assert (found.wins, found.losses) == (int((a & ~b).sum()), int((~a & b).sum()))


def test_items_that_repeat_each_other_count_once():
    rng = np.random.default_rng(6)
    a, b = (rng.random(60) < rate for rate in (0.7, 0.5))
    differences = np.repeat(a.astype(float) - b, 5)
    labels = np.repeat(np.arange(60), 5)
    assert effective_items(differences, labels, 0.025) == pytest.approx(60, rel=0.06)
    once = compare_binary(a, b, margin=0.05)
    five = compare_binary(np.repeat(a, 5), np.repeat(b, 5), margin=0.05, clusters=labels)
    assert five.inner == pytest.approx(once.inner, abs=0.01)
    assert five.a.interval == pytest.approx(once.a.interval, abs=0.01)
    assert five.spread / np.sqrt(five.n) == pytest.approx(once.spread / np.sqrt(once.n), rel=0.1)
    same = compare_binary(np.repeat(a, 5), np.repeat(a, 5), margin=0.05, clusters=labels)
    assert same.inner == pytest.approx(compare_binary(a, a, margin=0.05).inner, rel=1e-6)


def test_the_effective_number_of_items_by_its_formula():
    a, b, labels = clustered_answers(np.random.default_rng(8), clusters=6, size=5)
    differences = a.astype(float) - b
    ones = np.ones(30)
    clustered = sm.OLS(differences, ones).fit(cov_type="cluster", cov_kwds={"groups": labels})
    effect = (clustered.bse[0] / sm.OLS(differences, ones).fit().bse[0]) ** 2
    quantiles = stats.t.ppf(0.975, 29) / stats.t.ppf(0.975, 5)
    expected = 30 / effect * quantiles**2
    assert effective_items(differences, labels, 0.025) == pytest.approx(expected, rel=1e-9)


def test_few_items_in_one_cluster_say_nothing():
    a, b = np.ones(6, dtype=bool), np.zeros(6, dtype=bool)
    found = compare_binary(a, b, margin=0.5, clusters=np.zeros(6, dtype=np.int64), resamples=99)
    assert found.p == found.p_equivalence == 1.0
    assert found.difference.interval.low <= 0
    assert difference_error(np.ones((6, 2)), np.ones((6, 2)), np.zeros(6)) == np.inf


@pytest.mark.parametrize("clusters", [15, 40])
def test_clustered_coverage_and_false_winners_by_simulation(clusters):
    rng = np.random.default_rng(7)
    covered = rejected = naive = 0
    for seed in range(300):
        a, b, labels = clustered_answers(rng, clusters, 8)
        found = compare_binary(a, b, margin=0.05, clusters=labels, resamples=499, seed=seed)
        covered += found.inner.low <= 0 <= found.inner.high
        rejected += found.p <= 0.05
        naive += compare_binary(a, b, margin=0.05).p <= 0.05
    assert covered >= 0.86 * 300  # of 0.9
    assert rejected <= 0.08 * 300
    assert naive > 0.2 * 300  # what clusters are for
