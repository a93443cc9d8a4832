"""Bounded scores of which few differ: claims tested by betting where resampling sees too little.

Resampling draws from what was seen. Where two contenders tie on nearly every item it draws ties,
and promises that the difference is known exactly, however few the items. A bet knows no more than
that scores lie in [0, 1], and needs some 4 / margin items without a difference to exclude the
margin; the rule of three, which knows that none was seen, needs 3 / margin (Hanley and
Lippman-Hand, JAMA 249, 1983).
"""

import numpy as np
from numpy.typing import NDArray

from leitai.comparison.statistics.binary import Interval
from leitai.comparison.statistics.sequential import Sizes, capital, lower_end

Array = NDArray[np.float64]

DIFFERING_MINIMUM = 30
"""Items, or clusters, that must differ before resampling is trusted by itself."""


def differing(a: Array, b: Array) -> int:
    """Count the rows in which two contenders, [n, 2] both, do not score the same."""
    return int((np.abs(a - b) > 1e-12).any(axis=1).sum())


def p_at_most(a: Array, b: Array, limit: float) -> float:
    """One-sided p of "the mean of A minus that of B is at most `limit`".

    Valid at any n: the inverse of an e-value, by Markov's inequality (Vovk and Wang, Annals of
    Statistics 49, 2021).

    Args:
        a: sums of scores in [0, 1] and their numbers, [n, 2]; a row is an item or a cluster.
        b: the same of B, with the same numbers.
        limit: of the mean over items, in (-1, 1).
    """
    sizes = Sizes(a[:, 1], float(a[:, 1].max()))
    worth = capital(a[:, 0] - b[:, 0], limit, sizes=sizes)[-1]
    return float(min(1.0, 1 / max(worth, 1e-300)))


def p_outside(a: Array, b: Array, margin: float) -> float:
    """P of "the means differ by at least `margin`": the weaker of two one-sided tests."""
    return max(p_at_most(a, b, -margin), p_at_most(b, a, -margin))


def bounded_interval(a: Array, b: Array, alpha: float) -> Interval:
    """The mean differences that two tests at half of alpha do not refute."""
    return Interval(
        lower_end(lambda mean: p_at_most(a, b, mean) <= alpha / 2),
        -lower_end(lambda mean: p_at_most(b, a, mean) <= alpha / 2),
    )
