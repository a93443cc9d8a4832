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
from leitai.comparison.statistics.resampling import (
    RESAMPLES,
    Distribution,
    paired_bootstrap,
    sign_flip_test,
)

BOOTSTRAP_MINIMUM = 20
"""Items below which a bootstrap interval is too short to be trusted with "equivalent"."""


class Estimate(NamedTuple):
    """A number with its interval."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class PairedComparison:
    """All that a verdict needs to know of one slice.

    Attributes:
        n: items.
        a: the metric of A, with its 1 - alpha interval.
        b: the same of B.
        difference: A minus B, with its 1 - alpha interval.
        inner: the 1 - 2 alpha interval of the difference, by which equivalence is judged.
        p: two-sided p of "no difference".
        p_equivalence: p of "the difference is at least the margin".
        test: which test gave p.
        wins: items that only A has right; None unless every item is right or wrong.
        losses: items that only B has right; None likewise.
        spread: standard deviation of an item's difference, for planning.
    """

    n: int
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
    a: NDArray[np.bool_], b: NDArray[np.bool_], *, margin: float, alpha: float = 0.05
) -> PairedComparison:
    """Compare two contenders that are right or wrong on each item.

    Args:
        a: whether A is right, [n].
        b: whether B is right on the same items in the same order, [n].
        margin: equivalence margin, as a proportion.
        alpha: one minus the level.
    """
    n = len(a)
    wins, losses = int((a & ~b).sum()), int((~a & b).sum())
    p = mcnemar_exact(wins, losses)
    # Half an item in each cell keeps a handful of concordant items from promising certainty
    # (Agresti and Min, Statistics in Medicine 24, 2005).
    discordance, difference = (wins + losses + 1) / (n + 2), (wins - losses) / (n + 2)
    return PairedComparison(
        n=n,
        a=Estimate(int(a.sum()) / n, wilson(int(a.sum()), n, alpha)),
        b=Estimate(int(b.sum()) / n, wilson(int(b.sum()), n, alpha)),
        difference=Estimate(
            (wins - losses) / n, _agree(tango_interval(wins, losses, n, alpha), p, alpha)
        ),
        inner=tango_interval(wins, losses, n, 2 * alpha),
        p=p,
        p_equivalence=tango_equivalence(wins, losses, n, margin),
        test="mcnemar_exact",
        wins=wins,
        losses=losses,
        spread=math.sqrt(discordance - difference**2),
    )


def compare_ratio(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    *,
    margin: float,
    alpha: float = 0.05,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PairedComparison:
    """Compare two contenders by a metric that is a sum over a sum, such as bits per byte.

    Args:
        a: numerators and denominators of A, [n, 2].
        b: the same of B, same items in the same order, [n, 2].
        margin: equivalence margin, in the metric's unit.
        alpha: one minus the level.
        resamples: of the bootstrap and of the permutation test.
        seed: of both.
    """
    n = len(a)
    boot = paired_bootstrap(a, b, resamples=resamples, seed=seed)
    p = sign_flip_test(a, b, resamples=resamples, seed=seed)
    gap = boot.difference
    equivalence = max(gap.p_above(margin), gap.p_below(-margin)) if margin > 0 else 1.0
    return PairedComparison(
        n=n,
        a=_estimate(boot.a, alpha),
        b=_estimate(boot.b, alpha),
        difference=Estimate(gap.value, _agree(gap.interval(alpha), p, alpha)),
        inner=gap.interval(2 * alpha),
        p=p,
        p_equivalence=equivalence if n >= BOOTSTRAP_MINIMUM else 1.0,
        test="sign_flip",
        wins=None,
        losses=None,
        spread=gap.spread,
    )


def _estimate(distribution: Distribution, alpha: float) -> Estimate:
    return Estimate(distribution.value, distribution.interval(alpha))


def _agree(interval: Interval, p: float, alpha: float) -> Interval:
    """Let the interval touch zero where the test does not reject "no difference".

    The tests here hold their level at any n; the intervals hold it approximately, and in small
    samples can leave zero out a little too early. Stretching only adds coverage, and spares the
    reader an interval and a p value that contradict each other.
    """
    if p <= alpha:
        return interval
    return Interval(min(interval.low, 0.0), max(interval.high, 0.0))
