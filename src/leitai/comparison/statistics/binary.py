"""Right or wrong on the same items: intervals and tests that depend on counts alone.

Throughout, `wins` counts the items that only A has right and `losses` those that only B has right;
the difference is (wins - losses) / n. The score intervals also take counts that were scaled down
to an effective number of items, which are not whole.

The interval of the difference is Tango's score interval. The textbook (Wald) interval covers too
little when few items are discordant, which is the usual case for two good models, and collapses to
a point when none is; the score interval keeps its level there (Fagerland, Lydersen and Laake,
"Recommended tests and confidence intervals for paired binomial proportions", Statistics in Medicine
33, 2014) and can be turned into a test of any difference, which equivalence needs.
"""

import math
from typing import NamedTuple

from scipy.optimize import brentq
from scipy.special import bdtr, ndtr, ndtri


class Interval(NamedTuple):
    """A closed interval."""

    low: float
    high: float

    def inside(self, margin: float) -> bool:
        """Tell whether the whole interval lies strictly between -margin and +margin."""
        return -margin < self.low and self.high < margin

    def excludes_zero(self) -> bool:
        """Tell whether the whole interval lies strictly on one side of zero."""
        return self.low > 0 or self.high < 0


def wilson(successes: float, n: float, alpha: float = 0.05) -> Interval:
    """Wilson's score interval for one proportion (JASA 22, 1927).

    Args:
        successes: items that are right.
        n: all items, above 0.
        alpha: one minus the level.
    """
    z = _two_sided(alpha)
    rate = successes / n
    scale = 1 + z * z / n
    centre = (rate + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return Interval(
        0.0 if successes == 0 else centre - half, 1.0 if successes == n else centre + half
    )


def mcnemar_exact(wins: int, losses: int) -> float:
    """Two-sided p of the exact McNemar test: the sign test on the discordant items.

    Returns:
        Twice the smaller binomial tail, at most 1; exactly 1 without discordant items.
    """
    return min(1.0, 2 * float(bdtr(min(wins, losses), wins + losses, 0.5)))


def mcnemar_midp(wins: int, losses: int) -> float:
    """Two-sided mid-p of the McNemar test: the observed outcome counts half.

    Less conservative than `mcnemar_exact`, at the price of exceeding its level by a little in some
    tables (Fagerland, Lydersen and Laake, BMC Medical Research Methodology 13:91, 2013).
    """
    few, all_discordant = min(wins, losses), wins + losses
    below = float(bdtr(few - 1, all_discordant, 0.5)) if few else 0.0
    # For equal counts both tails hold half of the observed outcome, which makes exactly 1.
    return min(1.0, below + float(bdtr(few, all_discordant, 0.5)))


def tango_score(delta: float, wins: float, losses: float, n: float) -> float:
    """Score statistic of the hypothesis that the true difference is `delta` (standard normal).

    Tango, "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Statistics in Medicine 17, 1998: the observed difference less `delta`,
    over its standard error under the most likely table whose difference is `delta`.
    """
    # Swapping the contenders is the same as changing the sign of delta. Working on the side where
    # the root below is small without cancellation keeps the two results equal to the last bit.
    if delta < 0:
        return -tango_score(-delta, losses, wins, n)
    a = 2 * n
    b = -wins - losses + (2 * n - wins + losses) * delta
    c = -losses * delta * (1 - delta)
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    loss_rate = -2 * c / (b + root) if b > 0 else (root - b) / (2 * a)
    variance = n * (2 * loss_rate + delta * (1 - delta))
    excess = wins - losses - n * delta
    if variance <= 0:
        return 0.0 if excess == 0 else math.copysign(_HUGE, excess)
    return excess / math.sqrt(variance)


def tango_interval(wins: float, losses: float, n: float, alpha: float = 0.05) -> Interval:
    """Tango's score interval for the difference of two paired proportions.

    Args:
        wins: items that only A has right.
        losses: items that only B has right.
        n: all items, above 0.
        alpha: one minus the level.

    Returns:
        All differences that the score test at `alpha` does not reject; within [-1, 1].
    """
    z = _two_sided(alpha)
    return Interval(-_upper(losses, wins, n, z), _upper(wins, losses, n, z))


def tango_equivalence(wins: float, losses: float, n: float, margin: float) -> float:
    """P value of "the true difference is at least `margin` in size" (two one-sided score tests).

    It is at most alpha exactly when `tango_interval` at 2 alpha lies inside the margin.
    """
    if margin <= 0 or n == 0:
        return 1.0
    if margin >= 1:
        return 0.0
    return float(
        max(
            ndtr(tango_score(margin, wins, losses, n)),
            ndtr(-tango_score(-margin, wins, losses, n)),
        )
    )


_HUGE = 1e12


def _two_sided(alpha: float) -> float:
    return float(-ndtri(alpha / 2))


def _upper(wins: float, losses: float, n: float, z: float) -> float:
    if wins == n:
        return 1.0
    difference = (wins - losses) / n
    # The score falls from 0 at the observed difference to minus infinity at 1.
    return float(brentq(lambda d: tango_score(d, wins, losses, n) + z, difference, 1.0, xtol=1e-13))
