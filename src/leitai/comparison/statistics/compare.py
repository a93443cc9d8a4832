"""One comparison of two contenders on the same items, whatever the metric."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from leitai.comparison.statistics.binary import (
    Interval,
    mcnemar_exact,
    tango_equivalence,
    tango_interval,
    wilson,
)
from leitai.comparison.statistics.clustered import Labels, cluster_totals, effective_items
from leitai.comparison.statistics.resampling import (
    RESAMPLES,
    Distribution,
    paired_bootstrap,
    sign_flip_test,
)
from leitai.comparison.statistics.sparse import (
    DIFFERING_MINIMUM,
    bounded_interval,
    differing,
    p_outside,
)

BOOTSTRAP_MINIMUM = 20
"""Items, or clusters, below which resampling is not trusted with "equivalent"."""


class Estimate(NamedTuple):
    """A number with its interval."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class PairedComparison:
    """All that a verdict needs to know of one slice.

    Attributes:
        n: items.
        clusters: independent ones among them: the number of clusters, n where each is its own.
        a: the metric of A, with its 1 - alpha interval.
        b: the same of B.
        difference: A minus B, with its 1 - alpha interval.
        inner: the 1 - 2 alpha interval of the difference, by which equivalence is judged.
        p: two-sided p of "no difference".
        p_equivalence: p of "the difference is at least the margin".
        test: which test gave p.
        wins: items that only A has right; None unless every item is right or wrong.
        losses: items that only B has right; None likewise.
        spread: standard deviation of an item's difference, for planning: over the root of n it is
            the standard error of the difference, clusters accounted for.
    """

    n: int
    clusters: int
    a: Estimate
    b: Estimate
    difference: Estimate
    inner: Interval
    p: float
    p_equivalence: float
    test: str
    wins: int | None
    losses: int | None
    spread: float


def compare_binary(
    a: NDArray[np.bool_],
    b: NDArray[np.bool_],
    *,
    margin: float,
    alpha: float = 0.05,
    clusters: Labels | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PairedComparison:
    """Compare two contenders that are right or wrong on each item.

    Args:
        a: whether A is right, [n].
        b: whether B is right on the same items in the same order, [n].
        margin: equivalence margin, as a proportion.
        alpha: one minus the level.
        clusters: the cluster of each item, [n]; None where items are independent.
        resamples: of the permutation test that clusters need.
        seed: of that test.
    """
    n = len(a)
    count = n if clusters is None else len(np.unique(clusters))
    wins, losses = int((a & ~b).sum()), int((~a & b).sum())
    right_a, right_b = a.astype(np.float64), b.astype(np.float64)

    def independent(values: NDArray[np.float64], level: float) -> float:
        """The factor after which counts say as much as those of independent items."""
        if clusters is None or count == n:
            return 1.0
        return effective_items(values, clusters, level) / n

    def rate(right: NDArray[np.float64]) -> Estimate:
        factor = independent(right, alpha / 2)
        sum_right = float(right.sum())
        return Estimate(sum_right / n, wilson(factor * sum_right, factor * n, alpha))

    if clusters is None or count == n:
        p, test = mcnemar_exact(wins, losses), "mcnemar_exact"
    else:
        sides = (
            cluster_totals(np.stack([right, np.ones(n)], axis=1), clusters)
            for right in (right_a, right_b)
        )
        p, test = sign_flip_test(*sides, resamples=resamples, seed=seed), "cluster_sign_flip"
    two_sided = independent(right_a - right_b, alpha / 2)
    one_sided = independent(right_a - right_b, alpha)
    interval = tango_interval(two_sided * wins, two_sided * losses, two_sided * n, alpha)
    inner = one_sided * wins, one_sided * losses, one_sided * n
    trusted = count == n or count >= BOOTSTRAP_MINIMUM
    # Half an item in each cell keeps a handful of concordant items from promising certainty
    # (Agresti and Min, Statistics in Medicine 24, 2005).
    discordance, difference = (wins + losses + 1) / (n + 2), (wins - losses) / (n + 2)
    return PairedComparison(
        n=n,
        clusters=count,
        a=rate(right_a),
        b=rate(right_b),
        difference=Estimate((wins - losses) / n, agree(interval, p, alpha)),
        inner=tango_interval(*inner, 2 * alpha),
        p=p,
        p_equivalence=tango_equivalence(*inner, margin) if trusted else 1.0,
        test=test,
        wins=wins,
        losses=losses,
        spread=math.sqrt((discordance - difference**2) / two_sided),
    )


def compare_ratio(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    *,
    margin: float,
    alpha: float = 0.05,
    clusters: Labels | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    bounded: bool = False,
) -> PairedComparison:
    """Compare two contenders by a metric that is a sum over a sum, such as bits per byte.

    Where most items tie and fewer than `DIFFERING_MINIMUM` differ, resampling is not trusted:
    bounded scores are then judged by betting as well, and the wider interval and the larger p
    count; others are never called equivalent.

    Args:
        a: numerators and denominators of A, [n, 2].
        b: the same of B, same items in the same order, [n, 2].
        margin: equivalence margin, in the metric's unit.
        alpha: one minus the level.
        clusters: the cluster of each item, [n]; None where items are independent.
        resamples: of the bootstrap and of the permutation test.
        seed: of both.
        bounded: whether scores lie in [0, 1], where both sides' denominators are the same.
    """
    n, test = len(a), "sign_flip"
    if clusters is not None and len(np.unique(clusters)) < n:
        a, b = cluster_totals(a, clusters), cluster_totals(b, clusters)
        test = "cluster_sign_flip"
    count = len(a)
    boot = paired_bootstrap(a, b, resamples=resamples, seed=seed)
    p = sign_flip_test(a, b, resamples=resamples, seed=seed)
    gap = boot.difference
    equivalence = max(gap.p_above(margin), gap.p_below(-margin)) if margin > 0 else 1.0
    interval, inner = gap.interval(alpha), gap.interval(2 * alpha)
    if differing(a, b) < min(DIFFERING_MINIMUM, count / 2):
        bounded = bounded and np.array_equal(a[:, 1], b[:, 1])
        if bounded and 0 < margin < 1:
            equivalence = max(equivalence, p_outside(a, b, margin))
        else:
            equivalence = 1.0
        if bounded:
            if p > alpha:  # else the test, which is exact, has refuted zero
                interval = _around(interval, bounded_interval(a, b, alpha))
            inner = _around(inner, bounded_interval(a, b, 2 * alpha))
    return PairedComparison(
        n=n,
        clusters=count,
        a=_estimate(boot.a, alpha),
        b=_estimate(boot.b, alpha),
        difference=Estimate(gap.value, agree(interval, p, alpha)),
        inner=inner,
        p=p,
        p_equivalence=equivalence if count >= BOOTSTRAP_MINIMUM else 1.0,
        test=test,
        wins=None,
        losses=None,
        spread=gap.spread * math.sqrt(n / count),
    )


def _estimate(distribution: Distribution, alpha: float) -> Estimate:
    return Estimate(distribution.value, distribution.interval(alpha))


def _around(one: Interval, other: Interval) -> Interval:
    return Interval(min(one.low, other.low), max(one.high, other.high))


def agree(interval: Interval, p: float, alpha: float) -> Interval:
    """Let the interval touch zero where the test does not reject "no difference".

    The tests here hold their level at any n; the intervals hold it approximately, and in small
    samples can leave zero out a little too early. Stretching only adds coverage, and spares the
    reader an interval and a p value that contradict each other.
    """
    if p <= alpha:
        return interval
    return Interval(min(interval.low, 0.0), max(interval.high, 0.0))
