"""The simulated duels: what is drawn has the difference that it claims, and counts add up."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from duels import ITEMS, KINDS, LOOK_EVERY, p_values, pool_of, simulate, wrong


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("gap", [0.0, 0.02, 0.1])
def test_draws_and_pools_have_the_true_difference(name, gap):
    kind, rng = KINDS[name], np.random.default_rng(1)
    differences = kind.draw(rng, 100, gap)
    assert differences.shape == (100, ITEMS)
    assert differences.mean() == pytest.approx(gap, abs=4 * differences.std() / np.sqrt(1e5))
    pool = pool_of(kind, differences, gap, rng)
    assert pool.mean(axis=1) == pytest.approx(np.full(100, gap), abs=1e-12)
    assert np.abs(pool).max() <= 1
    assert pool.std() == pytest.approx(differences.std(), rel=0.02)


def test_p_values_of_every_look():
    rng = np.random.default_rng(2)
    differences = KINDS["score"].draw(rng, 2, 0.01)
    for look in (0, 7):
        seen = differences[1, : LOOK_EVERY * (look + 1)]
        expected = stats.ttest_1samp(seen, 0).pvalue
        assert p_values(KINDS["score"], differences)[1, look] == pytest.approx(expected, rel=1e-8)
    differences = KINDS["right or wrong"].draw(rng, 2, 0.05)
    seen = differences[0, : LOOK_EVERY * 30]
    table = [[0, (seen > 0).sum()], [(seen < 0).sum(), 0]]
    found = p_values(KINDS["right or wrong"], differences)[0, 29]
    assert found == pytest.approx(mcnemar(table).pvalue, rel=1e-9)


@pytest.mark.parametrize(
    ("verdict", "gap", "expected"),
    [
        ("a_better", 0.0, True),
        ("a_better", 0.01, False),
        ("b_better", 0.01, True),
        ("equivalent", 0.02, False),
        ("equivalent", 0.03, True),
        ("undecided", 0.1, False),
    ],
)
def test_what_counts_as_wrong(verdict, gap, expected):
    assert wrong(verdict, gap, 0.03) == expected


@pytest.mark.parametrize("name", KINDS)
def test_a_row(name):
    ways = simulate(KINDS[name], 0.1, 20, 3)["ways"]
    for one in ways.values():
        assert one["higher"] + one["equivalent"] + one["undecided"] == pytest.approx(1.0)
    assert ways["all items"]["items"] == ITEMS
    assert ways["early"]["higher"] == 1.0
    assert ways["early"]["saved"] > 0.6
    assert simulate(KINDS[name], 0.1, 20, 3)["ways"] == ways
