"""Counts: Wilson, McNemar, Tango, Holm and planning against oracles and published numbers."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from leitai.comparison.statistics import (
    compare_binary,
    holm,
    items_for_difference,
    items_for_equivalence,
    items_for_paired_binary,
    mcnemar_exact,
    mcnemar_midp,
    more_items,
    tango_equivalence,
    tango_interval,
    wilson,
)


@st.composite
def tables(draw, most=400):
    n = draw(st.integers(1, most))
    wins = draw(st.integers(0, n))
    return wins, draw(st.integers(0, n - wins)), n


def test_published_values():
    assert mcnemar_exact(9, 0) == 0.00390625
    assert wilson(17, 20) == pytest.approx((0.63958, 0.94763), abs=5e-6)
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert [items_for_paired_binary(0.2, d) for d in (0.01, 0.02, 0.03, 0.05)] == [
        15_690,
        3_917,
        1_737,
        621,
    ]


@pytest.mark.parametrize(
    ("table", "alpha", "interval", "digits"),
    [
        # Airway hyper-responsiveness before and after transplantation, Fagerland et al. 2014.
        ((1, 7, 21), 0.05, (-0.517, -0.026), 3),
        # Computed with R's PropCIs::scoreci.mp(25, 28, 618), which counts the other way round.
        ((28, 25, 618), 0.10, (-0.0148, 0.0247), 4),
    ],
)
def test_tango_against_published_intervals(table, alpha, interval, digits):
    assert tango_interval(*table, alpha) == pytest.approx(interval, abs=0.5 * 10**-digits)


def constrained_score(delta, wins, losses, n):
    """Tango's statistic by brute force: the most likely table under delta, found numerically."""

    def minus_likelihood(loss_rate):
        cells = loss_rate + delta, loss_rate, 1 - 2 * loss_rate - delta
        counts = wins, losses, n - wins - losses
        return -sum(c * math.log(p) for c, p in zip(counts, cells, strict=True) if c)

    low, high = max(0.0, -delta), (1 - delta) / 2
    found = optimize.minimize_scalar(
        minus_likelihood,
        bounds=(low + 1e-13, high - 1e-13),
        method="bounded",
        options={"xatol": 1e-12},
    )
    variance = (2 * found.x + delta - delta**2) / n
    return ((wins - losses) / n - delta) / math.sqrt(variance)


@pytest.mark.parametrize(
    "table", [(25, 12, 200), (3, 2, 14), (13, 1, 14), (2, 9, 20), (90, 80, 900)]
)
@pytest.mark.parametrize("alpha", [0.05, 0.1])
def test_tango_endpoints_are_where_the_constrained_score_is_critical(table, alpha):
    critical = stats.norm.isf(alpha / 2)
    low, high = tango_interval(*table, alpha)
    assert constrained_score(low, *table) == pytest.approx(critical, abs=1e-4)
    assert constrained_score(high, *table) == pytest.approx(-critical, abs=1e-4)


def test_wilson_and_mcnemar_against_statsmodels_and_scipy():
    for successes, n in [(0, 1), (1, 1), (3, 7), (17, 20), (0, 50), (499, 512), (5_000, 10_000)]:
        ours = wilson(successes, n)
        assert ours == pytest.approx(
            proportion_confint(successes, n, method="wilson"), rel=1e-12, abs=1e-15
        )
        assert ours == pytest.approx(
            stats.binomtest(successes, n).proportion_ci(method="wilson"), rel=1e-12, abs=1e-15
        )
    for wins, losses in itertools.product([0, 1, 4, 9, 30, 311], repeat=2):
        theirs = mcnemar([[5, wins], [losses, 5]], exact=True).pvalue
        assert mcnemar_exact(wins, losses) == pytest.approx(min(theirs, 1.0), rel=1e-9)
        if wins + losses:
            sign_test = stats.binomtest(wins, wins + losses, 0.5).pvalue
            assert mcnemar_exact(wins, losses) == pytest.approx(sign_test, rel=1e-9)
            point = stats.binom.pmf(min(wins, losses), wins + losses, 0.5)
            assert mcnemar_midp(wins, losses) == pytest.approx(
                min(sign_test, 1) - point, rel=1e-9
            ) or (wins == losses and mcnemar_midp(wins, losses) == pytest.approx(1.0))


def test_without_discordant_items_nothing_is_claimed():
    assert mcnemar_exact(0, 0) == mcnemar_midp(0, 0) == 1.0
    low, high = tango_interval(0, 0, 100)
    assert -0.05 < low < 0 < high < 0.05


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_against_statsmodels(p_values):
    theirs = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(list(theirs), rel=1e-12)


@given(tables())
def test_swapping_the_contenders_changes_signs_only(table):
    wins, losses, n = table
    low, high = tango_interval(wins, losses, n)
    assert tango_interval(losses, wins, n) == (-high, -low)
    assert mcnemar_exact(wins, losses) == mcnemar_exact(losses, wins)
    assert mcnemar_midp(wins, losses) == mcnemar_midp(losses, wins)
    assert tango_equivalence(wins, losses, n, 0.05) == pytest.approx(
        tango_equivalence(losses, wins, n, 0.05), rel=1e-12
    )


@given(tables())
def test_tango_holds_the_observed_difference_and_nests(table):
    wins, losses, n = table
    value = (wins - losses) / n
    wide, narrow = tango_interval(*table, 0.05), tango_interval(*table, 0.2)
    assert -1 <= wide.low <= narrow.low <= value + 1e-12
    assert value - 1e-12 <= narrow.high <= wide.high <= 1


@given(tables())
def test_more_wins_move_everything_towards_a(table):
    wins, losses, n = table
    if wins + losses == n:
        return
    before, after = tango_interval(wins, losses, n), tango_interval(wins + 1, losses, n)
    assert after.low > before.low - 1e-12
    assert after.high > before.high - 1e-12
    if wins >= losses:
        assert mcnemar_exact(wins + 1, losses) <= mcnemar_exact(wins, losses)


@given(tables(), st.floats(0.001, 0.5), st.sampled_from([0.01, 0.05, 0.1]))
def test_equivalence_test_is_the_interval_inverted(table, margin, alpha):
    inside = tango_interval(*table, 2 * alpha).inside(margin)
    p = tango_equivalence(*table, margin)
    assert inside == (p < alpha) or p == pytest.approx(alpha, abs=1e-9)


@settings(deadline=None)
@given(tables(300), st.sampled_from([0.01, 0.05, 0.1]))
def test_interval_and_exact_test_never_contradict_each_other(table, alpha):
    wins, losses, n = table
    a = np.arange(n) < wins
    b = (np.arange(n) >= wins) & (np.arange(n) < wins + losses)
    found = compare_binary(a, b, margin=0.03, alpha=alpha)
    assert found.difference.interval.excludes_zero() == (found.p <= alpha)
    assert (found.wins, found.losses) == (wins, losses)


def exact_coverage(n, win_rate, loss_rate, alpha):
    """Probability that the interval holds the true difference, summed over all tables."""
    truth = win_rate - loss_rate
    covered = 0.0
    for wins in range(n + 1):
        for losses in range(n + 1 - wins):
            interval = tango_interval(wins, losses, n, alpha)
            if interval.low - 1e-12 <= truth <= interval.high + 1e-12:
                rest = n - wins - losses
                covered += stats.multinomial.pmf(
                    (wins, losses, rest), n, (win_rate, loss_rate, 1 - win_rate - loss_rate)
                )
    return covered


def test_tango_covers_at_its_level_even_with_few_items():
    rates = [(0.02, 0.02), (0.05, 0.02), (0.1, 0.1), (0.2, 0.1), (0.15, 0.02), (0.3, 0.25)]
    coverage = [exact_coverage(30, *rate, 0.05) for rate in rates]
    assert min(coverage) > 0.93
    assert np.mean(coverage) > 0.95


def test_false_winners_stay_below_alpha():
    """Exactly equal contenders: the chance of naming a winner, summed over all tables."""
    alpha, n = 0.05, 60
    for discordance in (0.05, 0.2, 0.5):
        wrong = sum(
            stats.binom.pmf(m, n, discordance) * stats.binom.pmf(wins, m, 0.5)
            for m in range(n + 1)
            for wins in range(m + 1)
            if mcnemar_exact(wins, m - wins) <= alpha
        )
        assert wrong <= alpha


def test_false_equivalence_stays_near_alpha():
    """A true difference at the margin: the chance of calling it equivalent, over all tables."""
    n, margin, alpha = 120, 0.05, 0.05
    for discordance in (0.06, 0.1, 0.2):
        win_rate, loss_rate = (discordance + margin) / 2, (discordance - margin) / 2
        wrong = sum(
            stats.multinomial.pmf(
                (wins, losses, n - wins - losses), n, (win_rate, loss_rate, 1 - discordance)
            )
            for wins in range(40)
            for losses in range(40)
            if tango_equivalence(wins, losses, n, margin) <= alpha
        )
        assert wrong <= 1.3 * alpha


def test_planned_items_reach_the_promised_power():
    rng = np.random.default_rng(5)
    n = items_for_paired_binary(0.2, 0.05)
    counts = rng.multinomial(n, (0.125, 0.075, 0.8), size=4_000)
    found = np.mean([mcnemar_exact(w, s) <= 0.05 and w > s for w, s, _ in counts])
    assert 0.75 < found < 0.84

    spread, margin = math.sqrt(0.1), 0.04
    for truth in (0.0, 0.015):
        n = math.ceil(items_for_equivalence(spread, truth, margin))
        rates = ((0.1 + truth) / 2, (0.1 - truth) / 2, 0.9)
        counts = rng.multinomial(n, rates, size=2_000)
        found = np.mean([tango_equivalence(w, s, n, margin) <= 0.05 for w, s, _ in counts])
        assert 0.76 < found < 0.85


@given(st.floats(0.01, 2), st.floats(0, 0.2), st.floats(0.005, 0.2))
def test_more_data_is_needed_for_harder_questions(spread, difference, margin):
    alike = items_for_equivalence(spread, difference, margin)
    assert items_for_equivalence(2 * spread, difference, margin) >= alike
    assert items_for_equivalence(spread, difference, 1.5 * margin) <= alike
    assert items_for_difference(spread, difference / 2) >= items_for_difference(spread, difference)
    assert items_for_equivalence(spread, -difference, margin) == alike


def test_more_items_names_the_nearer_goal():
    assert more_items(100, 0.4, 0.1, 0.02).to_show == "difference"
    assert more_items(400, 0.4, 0.001, 0.05).to_show == "equivalence"
    assert more_items(100, 0.4, 0.0, 0.0) == (None, None)
    assert more_items(100, 0.4, 1e-200, 1e-200) == (None, None)
    assert more_items(10_000, 0.1, 0.05, 0.02).items == 1


def test_more_items_is_silent_where_little_is_known():
    assert more_items(9, 0.4, 0.3, 0.02) == (None, None)
    assert more_items(400, 0.4, 0.1, 0.02, clusters=1) == (None, None)
    assert more_items(40, 0.0, 0.0, 0.03) == (None, None)
    assert more_items(100, 0.4, 0.02, 0.02) == (None, None)  # half a standard error from zero


def test_more_items_reach_what_the_tests_can_say():
    # Five decisive items can give p = 0.0625 at best; six are expected after one item in five more.
    assert more_items(20, 0.2, 0.25, 0.03, decisive=5).items == 4
    assert more_items(20, 0.2, 0.25, 0.03, decisive=5, alpha=0.05 / 7).items >= 16
    assert more_items(20, 0.02, 0.0, 0.03, decisive=0).to_show == "equivalence"
    assert more_items(12, 0.001, 0.0, 0.03).items == 8


@pytest.mark.parametrize(("n", "least"), [(60, 0.66), (200, 0.72), (600, 0.72)])
def test_more_items_keep_their_promise(n, least):
    """True differences of all sizes; of the forecasts of a difference, about eight in ten hold."""
    rng = np.random.default_rng(n)
    kept = told = 0
    for true in rng.normal(0, 0.08, 3_000):
        first = rng.normal(true, 0.5, n)
        spread, mean = first.std(ddof=1), first.mean()
        if abs(mean) * np.sqrt(n) / spread > 1.96:
            continue
        found = more_items(n, spread, mean, 0.0)
        if found.items is None or found.items > 100_000:
            continue
        whole = n + found.items
        final = (n * mean + rng.normal(true * found.items, 0.5 * np.sqrt(found.items))) / whole
        told += 1
        kept += abs(final) * np.sqrt(whole) / 0.5 > 1.96
    assert told > 300
    assert least <= kept / told <= 0.9
