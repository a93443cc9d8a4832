"""Several contenders: preference votes against scipy and statsmodels, and costs."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.tools.numdiff import approx_hess

from leitai.comparison.statistics import (
    bradley_terry,
    pareto_front,
    quality_per_cost,
)
from leitai.comparison.statistics.preference import davidson

# Games won by the row's team against the column's, American League 1987; Agresti, "Categorical
# Data Analysis". In order: Milwaukee, Detroit, Toronto, New York, Boston, Cleveland, Baltimore.
BASEBALL = np.array(
    [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ]
)


def voted(rng, strengths, tie, votes, prompts):
    """Votes drawn from Davidson's model."""
    pairs = np.array([rng.choice(len(strengths), 2, replace=False) for _ in range(votes)])
    half = np.exp((strengths[pairs[:, 0]] - strengths[pairs[:, 1]]) / 2)
    weights = np.stack([half, np.full(votes, tie), 1 / half], 1)
    draws = rng.random(votes) * weights.sum(1)
    result = np.where(draws < weights[:, 0], 1, np.where(draws < weights[:, :2].sum(1), 0, -1))
    return np.column_stack([rng.integers(0, prompts, votes), pairs, result])


def test_published_strengths():
    upper = np.triu_indices(7, 1)
    counts = np.stack([BASEBALL[upper], np.zeros(21), BASEBALL.T[upper]], 1)
    strengths = davidson(counts[None])[0][:-1]
    # BradleyTerry2's vignette: abilities relative to Baltimore.
    published = [1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0.0]
    assert strengths - strengths[-1] == pytest.approx(published, abs=2e-4)


def test_without_ties_it_is_logistic_regression():
    upper = np.triu_indices(7, 1)
    design = np.zeros((21, 7))
    design[np.arange(21), upper[0]], design[np.arange(21), upper[1]] = 1, -1
    wins = np.stack([BASEBALL[upper], BASEBALL.T[upper]], 1)
    fit = sm.GLM(wins, design[:, :-1], family=sm.families.Binomial()).fit()
    counts = np.insert(wins.astype(float), 1, 0.0, axis=1)
    strengths = davidson(counts[None])[0][:-1]
    assert strengths[:-1] - strengths[-1] == pytest.approx(fit.params, abs=1e-4)


def test_with_ties_against_the_plain_likelihood():
    votes = voted(np.random.default_rng(1), np.array([0.8, 0.0, -0.3, -0.5]), 0.7, 600, 100)

    def minus_likelihood(parameters):
        strength, nu = np.append(0.0, parameters[:-1]), np.exp(parameters[-1])
        first, second = np.exp(strength[votes[:, 1]]), np.exp(strength[votes[:, 2]])
        tied = nu * np.sqrt(first * second)
        chosen = np.select([votes[:, 3] == 1, votes[:, 3] == 0], [first, tied], second)
        return -np.log(chosen / (first + second + tied)).sum()

    best = optimize.minimize(minus_likelihood, np.zeros(4), method="BFGS", tol=1e-9)
    found = bradley_terry(votes, 4, resamples=1_999)
    strengths = np.array([one.value for one in found.strengths])
    assert strengths[1:] - strengths[0] == pytest.approx(best.x[:-1], abs=1e-3)
    assert found.tie == pytest.approx(np.exp(best.x[-1]), rel=1e-3)
    assert strengths.sum() == pytest.approx(0, abs=1e-8)
    errors = np.sqrt(np.diag(np.linalg.inv(approx_hess(best.x, minus_likelihood))))
    low, high = found.gaps[0, 3].difference.interval
    assert (high - low) / 3.92 == pytest.approx(errors[2], rel=0.2)
    assert found.gaps[0, 3].difference.value == pytest.approx(strengths[0] - strengths[3])
    assert found.gaps[0, 3].p < 0.02  # 1,999 resamples show no less
    assert found.gaps[2, 3].p > 0.05


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_order_of_votes_and_of_contenders_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    votes = voted(rng, np.array([0.4, 0.0, -0.4]), 0.5, 60, 20)
    turned = votes[rng.permutation(60)][:, [0, 2, 1, 3]] * [1, 1, 1, -1]
    one, other = (bradley_terry(v, 3, resamples=49) for v in (votes, turned))
    assert [s.value for s in other.strengths] == pytest.approx(
        [s.value for s in one.strengths], abs=1e-8
    )
    names = np.array([2, 0, 1])
    renamed = np.column_stack([votes[:, 0], names[votes[:, 1:3]], votes[:, 3]])
    moved = bradley_terry(renamed, 3, resamples=49)
    assert [moved.strengths[k].value for k in names] == pytest.approx(
        [s.value for s in one.strengths], abs=1e-8
    )


@pytest.mark.parametrize("ties", [0, 8])
@pytest.mark.parametrize("count", [1, 3, 30])
def test_who_never_lost_is_ahead_without_an_end(count, ties):
    """The near end is Clopper and Pearson's, from the votes that decided."""
    results = [1] * count + [0] * ties
    votes = np.array([[k, 0, 1, result] for k, result in enumerate(results)])
    value, (low, high) = bradley_terry(votes, 2, resamples=99).gaps[0, 1].difference
    exact = stats.binomtest(count, count).proportion_ci(0.95, method="exact").low
    assert (value, high) == (np.inf, np.inf)
    assert low == pytest.approx(np.log(exact / (1 - exact)))
    turned = bradley_terry(votes[:, [0, 2, 1, 3]], 2, resamples=99).gaps[0, 1].difference
    assert (turned.value, *turned.interval) == (-np.inf, -np.inf, -low)


def test_ties_alone_say_nothing():
    ties = np.array([[k, 0, 1, 0] for k in range(30)])
    found = bradley_terry(ties, 2, resamples=99)
    assert found.gaps[0, 1].difference == (0.0, (-np.inf, np.inf))
    assert found.gaps[0, 1].p == 1.0
    assert found.tie > 100


def test_one_who_beats_all_leaves_the_gaps_among_the_others_finite():
    among = [[k, 1, 2, 1 if k % 3 else -1] for k in range(30)]
    votes = np.array([*among, *([k, 0, k % 2 + 1, 1] for k in range(10))])
    found = bradley_terry(votes, 3, resamples=99)
    assert np.isfinite(found.gaps[1, 2].difference.interval).all()
    assert found.gaps[1, 2].difference.value == pytest.approx(np.log(2), abs=1e-3)
    assert found.gaps[0, 1].difference.value == found.gaps[0, 2].difference.value == np.inf
    assert not np.isfinite([one.interval for one in found.strengths]).any()


def test_strengths_of_equals_cover_zero():
    rng = np.random.default_rng(2)
    covered = 0
    for seed in range(100):
        # Four votes on each prompt that are all alike: prompts, not votes, are independent.
        votes = np.repeat(voted(rng, np.zeros(2), 0.5, 60, 1), 4, axis=0)
        votes[:, 0] = np.repeat(np.arange(60), 4)
        low, high = bradley_terry(votes, 2, resamples=299, seed=seed).gaps[0, 1].difference.interval
        covered += low <= 0 <= high
    assert covered >= 88


@pytest.mark.parametrize("vote", [[0, 0, 2, 1], [0, 1, 1, 1], [0, 0, 1, 2], [0, -1, 1, 0]])
def test_votes_are_checked(vote):
    with pytest.raises(ValueError, match="between two of 2"):
        bradley_terry(np.array([vote]), 2)
    with pytest.raises(ValueError, match="between two of 2"):
        bradley_terry(np.zeros((0, 4), dtype=np.int64), 2)


def test_the_front_of_four():
    costs = [4.0, 3.0, 1.0, 2.0]
    found = pareto_front(
        costs, {(0, 1): "a_better", (1, 2): "equivalent", (2, 3): "a_better", (0, 3): "undecided"}
    )
    assert found == (True, False, True, False)
    assert pareto_front([1.0, 1.0], {(0, 1): "equivalent"}) == (True, True)
    assert pareto_front([1.0, 1.0], {(0, 1): "b_better"}) == (False, True)


def test_quality_per_cost_against_scipy():
    rng = np.random.default_rng(5)
    a, b = (
        np.stack([rng.random(80) < rate, rng.gamma(4, price, 80)], 1).astype(float)
        for rate, price in ((0.7, 0.5), (0.6, 0.25))
    )
    theirs = stats.bootstrap(
        (a[:, 0], a[:, 1], b[:, 0], b[:, 1]),
        lambda q, c, r, d, axis=-1: q.sum(axis) / c.sum(axis) * d.sum(axis) / r.sum(axis),
        paired=True,
        vectorized=True,
        method="BCa",
        n_resamples=30_000,
        rng=np.random.default_rng(6),
    ).confidence_interval
    found = quality_per_cost(a, b, resamples=30_000)
    assert found.interval == pytest.approx(theirs, abs=0.03 * (theirs.high - theirs.low))
    (own, spent), (other, paid) = a.sum(axis=0), b.sum(axis=0)
    assert found.value == pytest.approx(own / spent / (other / paid))
    pairs = np.arange(80) // 2
    wide = quality_per_cost(np.repeat(a, 2, 0), np.repeat(b, 2, 0), clusters=np.arange(160) // 2)
    assert wide.interval == pytest.approx(found.interval, rel=0.05)
    assert quality_per_cost(a, b, clusters=pairs).value == found.value


@pytest.mark.parametrize("row", [[-1.0, 1.0], [1.0, 0.0]])
def test_qualities_and_costs_are_checked(row):
    fine = np.ones((3, 2))
    with pytest.raises(ValueError, match="qualities of 0 or more"):
        quality_per_cost(np.array([row, *fine]), np.ones((4, 2)))
    with pytest.raises(ValueError, match="some above 0"):
        quality_per_cost(fine * [0.0, 1.0], fine)


@pytest.mark.parametrize(
    ("wins", "losses", "ties"), [(1, 0, 0), (3, 0, 0), (5, 0, 5), (9, 1, 4), (12, 4, 0)]
)
def test_few_votes_have_the_p_of_the_sign_test(wins, losses, ties):
    results = [1] * wins + [-1] * losses + [0] * ties
    votes = np.array([[n, 0, 1, result] for n, result in enumerate(results)])
    gap = bradley_terry(votes, 2).gaps[0, 1]
    assert gap.p == pytest.approx(stats.binomtest(wins, wins + losses).pvalue, abs=0.015)
    low, high = gap.difference.interval
    assert gap.p <= 0.05 or low <= 0 <= high
