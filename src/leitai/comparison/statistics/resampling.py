"""Metrics that are a ratio of two sums over items: the paired bootstrap and a permutation test.

Bits per byte is such a ratio: the sum of bits over the sum of bytes, where a long text weighs more
than a short one. A contender's scores are an array [n, 2] of (numerator, denominator); row i of
both contenders is the same item, and an item is always drawn together with both its scores. Where
items form clusters, a row is a cluster's sum (`clustered.cluster_totals`).

Everything is seeded: the same arrays in the same order give the same numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from leitai.comparison.statistics.binary import Interval

Array = NDArray[np.float64]

RESAMPLES = 9_999
"""Resamples drawn; with the observed sample they make 10,000, so p values are round numbers."""

_CELLS = 4_000_000
"""Counters held in memory at once while resampling (items times resamples of one chunk)."""


@dataclass(frozen=True)
class Distribution:
    """A statistic with its bootstrap replicates and leave-one-out values.

    Attributes:
        value: the statistic of the whole sample.
        replicates: the statistic of each resample, sorted, [R].
        jackknife: the statistic without row i, [n].
    """

    value: float
    replicates: Array
    jackknife: Array

    @cached_property
    def spread(self) -> float:
        """Standard deviation that one row contributes: sqrt(n) times the jackknife's error."""
        deviations = self.jackknife - self.jackknife.mean()
        return float(np.sqrt((len(deviations) - 1) * np.square(deviations).sum()))

    @cached_property
    def _bias(self) -> float:
        """How far the replicates' median is from the value, in standard normal units (z0)."""
        return self._z(self.value)

    @cached_property
    def _acceleration(self) -> float:
        deviations = self.jackknife.mean() - self.jackknife
        return float((deviations**3).sum() / (6 * np.square(deviations).sum() ** 1.5))

    @property
    def degenerate(self) -> bool:
        """Whether every item says the same, so that resampling changes nothing."""
        return self.spread <= 1e-12 * max(1.0, abs(self.value))

    @property
    def _smallest(self) -> float:
        """The smallest share that this many replicates can show."""
        return 1 / (len(self.replicates) + 1)

    def _z(self, value: float) -> float:
        """Normal quantile of the share of replicates below `value` (ties count half)."""
        below = np.searchsorted(self.replicates, value, "left")
        upto = np.searchsorted(self.replicates, value, "right")
        count = len(self.replicates)
        return float(
            ndtri(np.clip((below + upto) / (2 * count), 1 / (count + 1), count / (count + 1)))
        )

    def interval(self, alpha: float) -> Interval:
        """The BCa interval: bias-corrected and accelerated (Efron, JASA 82, 1987)."""
        if self.degenerate:
            return Interval(self.value, self.value)
        shifted = self._bias + ndtri(np.array([alpha / 2, 1 - alpha / 2]))
        stretch = np.maximum(1 - self._acceleration * shifted, 1e-9)
        low, high = np.quantile(self.replicates, ndtr(self._bias + shifted / stretch))
        return Interval(float(low), float(high))

    def p_above(self, limit: float) -> float:
        """One-sided p of "the true value is at least `limit`", by inverting the BCa interval."""
        if self.degenerate:
            return self._smallest if self.value < limit else 1.0
        return float(ndtr(-self._level(limit)))

    def p_below(self, limit: float) -> float:
        """One-sided p of "the true value is at most `limit`", by inverting the BCa interval."""
        if self.degenerate:
            return self._smallest if self.value > limit else 1.0
        return float(ndtr(self._level(limit)))

    def _level(self, limit: float) -> float:
        """The z for which the BCa endpoint is `limit`."""
        distance = self._z(limit) - self._bias
        return distance / max(1 + self._acceleration * distance, 1e-9) - self._bias


@dataclass(frozen=True)
class PairedBootstrap:
    """The metric of A, of B, and A minus B, resampled together."""

    a: Distribution
    b: Distribution
    difference: Distribution


def resampled_totals(sums: Array, resamples: int, seed: int) -> Array:
    """Draw as many rows as there are, with replacement, and sum them; again and again.

    Args:
        sums: what is summed over rows, [n, k]; a row is an item, or a cluster of items.
        resamples: how many resamples, R.
        seed: of the generator.

    Returns:
        The sums of each resample, [R, k].
    """
    n = len(sums)
    rng = np.random.default_rng(seed)
    totals = np.empty((resamples, sums.shape[1]))
    chunk = max(1, _CELLS // n)
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        # How often each row is drawn is all that a sum needs; counting beats gathering tenfold.
        drawn = rng.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        totals[start : start + rows] = counts @ sums
    return totals


def bootstrap(
    sums: Array,
    metrics: Sequence[Callable[[Array], Array]],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[Distribution]:
    """Resample rows with replacement and return the distribution of functions of their sum.

    Args:
        sums: see `resampled_totals`.
        metrics: each takes sums [R, k] to values [R].
        resamples: how many resamples, R.
        seed: of the generator.

    Returns:
        A distribution for each metric, all from the same resamples.
    """
    totals = resampled_totals(sums, resamples, seed)
    whole = sums.sum(axis=0)
    left_out = (whole - sums) if len(sums) > 1 else sums
    return [
        Distribution(
            value=float(metric(whole[None])[0]),
            replicates=np.sort(metric(totals)),
            jackknife=metric(left_out),
        )
        for metric in metrics
    ]


def paired_bootstrap(
    a: Array, b: Array, *, resamples: int = RESAMPLES, seed: int = 0
) -> PairedBootstrap:
    """Resample items with replacement, both contenders together.

    Args:
        a: numerators and denominators of A, [n, 2]; denominators positive.
        b: the same of B, same items in the same order, [n, 2].
        resamples: how many resamples, R.
        seed: of the generator.
    """
    return PairedBootstrap(
        *bootstrap(
            np.concatenate([a, b], axis=1),
            (
                lambda t: t[:, 0] / t[:, 1],
                lambda t: t[:, 2] / t[:, 3],
                lambda t: t[:, 0] / t[:, 1] - t[:, 2] / t[:, 3],
            ),
            resamples=resamples,
            seed=seed,
        )
    )


def sign_flip_test(a: Array, b: Array, *, resamples: int = RESAMPLES, seed: int = 0) -> float:
    """Two-sided p of "which contender is which does not matter", by swapping them item by item.

    Under that hypothesis each item's two scores could as well be the other way round. The p value
    is the share of random swaps, the observed one included, whose difference is at least as large;
    it is valid at any n (Phipson and Smyth, 2010).

    Args:
        a: numerators and denominators of A, [n, 2].
        b: the same of B, same items in the same order, [n, 2].
        resamples: how many random swaps.
        seed: of the generator.
    """
    n = len(a)
    middle, half = (a + b).sum(axis=0) / 2, (a - b) / 2

    def difference(swapped: Array) -> Array:
        one, other = middle + swapped, middle - swapped
        gap: Array = np.abs(one[:, 0] / one[:, 1] - other[:, 0] / other[:, 1])
        return gap

    # The tolerance counts swaps that tie with the observed difference up to rounding.
    threshold = float(difference(half.sum(axis=0)[None])[0]) * (1 - 1e-12) - 1e-15
    rng = np.random.default_rng(seed)
    chunk = max(1, _CELLS // n)
    extreme = 0
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        signs = 2.0 * rng.integers(0, 2, (rows, n), dtype=np.int8) - 1.0
        extreme += int((difference(signs @ half) >= threshold).sum())
    return (extreme + 1) / (resamples + 1)
