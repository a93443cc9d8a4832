"""Variance components against statsmodels, and intervals by simulation."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from leitai.comparison.statistics import across_arms
from leitai.comparison.statistics.components import mean_squares


def drawn(rng, items=40, seeds=4, templates=3, gap=0.0, item=0.5, seed=0.3, template=0.3):
    """Differences with random items, seeds and templates, seeds that depend on items, and noise."""
    shape = items, seeds, templates
    return (
        gap
        + item * rng.normal(size=(items, 1, 1))
        + seed * rng.normal(size=(1, seeds, 1))
        + template * rng.normal(size=(1, 1, templates))
        + 0.3 * rng.normal(size=(items, seeds, 1))
        + 0.4 * rng.normal(size=shape)
    )


def frame(differences):
    index = np.indices(differences.shape).reshape(3, -1)
    return pd.DataFrame(
        {"d": differences.ravel(), "item": index[0], "seed": index[1], "template": index[2]}
    )


def test_mean_squares_against_statsmodels():
    differences = drawn(np.random.default_rng(1), items=6)
    model = smf.ols("d ~ C(item) * C(seed) * C(template)", frame(differences)).fit()
    theirs = sm.stats.anova_lm(model)
    for term, square in mean_squares(differences).items():
        row = theirs.loc[":".join(f"C({name})" for name in term)]
        assert square.value == pytest.approx(row["mean_sq"], rel=1e-6)
        assert square.degrees == row["df"]


def test_components_against_a_mixed_model():
    """Restricted maximum likelihood is the method of moments where the table is balanced."""
    differences = drawn(np.random.default_rng(2), items=25, seeds=5, templates=1)
    data = frame(differences).assign(all=1)
    parts = {"item": "0 + C(item)", "seed": "0 + C(seed)"}
    fit = smf.mixedlm("d ~ 1", data, groups="all", vc_formula=parts, re_formula="0").fit()
    found = across_arms(differences, np.zeros_like(differences))
    theirs = dict(zip(fit.model.exog_vc.names, fit.vcomp, strict=True))
    assert found.components["item",] == pytest.approx(theirs["item"], rel=0.01)
    assert found.components["seed",] == pytest.approx(theirs["seed"], rel=0.01)
    assert found.components["item", "seed"] == pytest.approx(fit.scale, rel=0.01)
    assert found.error == pytest.approx(fit.bse["Intercept"], rel=0.01)
    assert found.over == ("item", "seed")


def test_items_alone_are_the_paired_t_test():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.2, 1, (30, 1, 1)), rng.normal(0, 1, (30, 1, 1))
    found, theirs = across_arms(a, b), stats.ttest_rel(a.ravel(), b.ravel())
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-9)
    assert found.interval == pytest.approx(theirs.confidence_interval(0.95), rel=1e-9)
    assert (found.degrees, found.over) == (pytest.approx(29), ("item",))


def test_the_error_is_that_of_all_components():
    rng = np.random.default_rng(4)
    extra = 0.4 * rng.normal(size=(1, 4, 3)) + 0.4 * rng.normal(size=(40, 1, 3))
    found = across_arms(drawn(rng) + extra, np.zeros((40, 4, 3)))
    levels = {"item": 40, "seed": 4, "template": 3}
    assert min(found.components.values()) > 0
    variance = sum(
        part / np.prod([levels[name] for name in term]) for term, part in found.components.items()
    )
    assert found.error**2 == pytest.approx(variance, rel=1e-9)


@given(st.integers(0, 10_000), st.tuples(*[st.integers(1, 5)] * 3).filter(lambda s: max(s) > 1))
def test_swapping_the_contenders_changes_signs_only(seed, shape):
    rng = np.random.default_rng(seed)
    a, b = rng.random(shape), rng.random(shape)
    one, other = across_arms(a, b), across_arms(b, a)
    assert other.value == pytest.approx(-one.value, abs=1e-12)
    assert other.interval == pytest.approx((-one.interval.high, -one.interval.low), abs=1e-9)
    assert other.p == pytest.approx(one.p, rel=1e-6)
    assert min(one.components.values()) >= 0
    assert one.degrees > 0


def test_what_is_the_same_everywhere_is_certain():
    same = np.full((5, 2, 2), 0.25)
    found = across_arms(same, np.zeros_like(same))
    assert (found.value, found.interval, found.p) == (0.25, (0.25, 0.25), 0.0)
    assert across_arms(same, same).p == 1.0


@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((2, 2, 2), (2, 2, 1)), ((1, 1, 1),) * 2])
def test_refusals(shapes):
    with pytest.raises(ValueError, match="two equal tables"):
        across_arms(*map(np.ones, shapes))


@pytest.mark.parametrize("effects", [(0.3, 0.3), (0.0, 0.0), (0.3, 0.0)])
def test_intervals_cover_and_ignoring_the_seeds_would_not(effects):
    rng = np.random.default_rng(5)
    covered = naive = 0
    for _ in range(400):
        d = drawn(rng, items=100, seeds=3, templates=3, seed=effects[0], template=effects[1])
        low, high = across_arms(d, np.zeros_like(d)).interval
        covered += low <= 0 <= high
        each = d.mean(axis=(1, 2))
        naive += abs(each.mean()) <= 1.98 * each.std(ddof=1) / 10
    assert covered >= 0.92 * 400
    if max(effects) > 0:
        assert naive < 0.7 * 400
