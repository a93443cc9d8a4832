"""Items that are not independent: those of one passage, dialogue or template form a cluster.

Such items are right or wrong together, so n of them say less than n independent ones. A sum over
items is also a sum over clusters; once each cluster's items are summed (`cluster_totals`), the
bootstrap that draws whole clusters, its jackknife that leaves out whole clusters, and the test that
flips whole clusters are those of `resampling`, with clusters for rows. With a cluster for each item
everything here equals the ordinary result.

Cameron and Miller, "A practitioner's guide to cluster-robust inference", Journal of Human Resources
50, 2015; for language models Miller, "Adding error bars to evals", arXiv 2411.00640, 2024.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from leitai.comparison.statistics.resampling import Array

Labels = NDArray[np.int64]


def cluster_totals(values: Array, clusters: Labels) -> Array:
    """Sum each cluster's rows.

    Args:
        values: [n, k].
        clusters: which cluster each row belongs to; any integers, [n].

    Returns:
        The sums, clusters in ascending order of their number, [G, k].
    """
    order = np.argsort(clusters, kind="stable")
    starts = np.flatnonzero(np.diff(clusters[order], prepend=clusters[order[0]] - 1))
    totals: Array = np.add.reduceat(values[order], starts, axis=0)
    return totals


def difference_error(a: Array, b: Array, clusters: Labels | None = None) -> float:
    """Return the cluster-robust standard error of the difference of two ratios of sums.

    Taylor linearisation of each ratio, residuals summed within clusters, times the factor
    G / (G - 1). With denominators of 1 it is the standard error of the mean paired difference.

    Args:
        a: numerators and denominators of A, [n, 2].
        b: the same of B, same items in the same order, [n, 2].
        clusters: [n]; None for a cluster each.

    Returns:
        The error; infinite for a single cluster.
    """

    def influence(side: Array) -> Array:
        numerator, denominator = side.sum(axis=0)
        share: Array = (side[:, 0] - numerator / denominator * side[:, 1]) / denominator
        return share

    parts = influence(a) - influence(b)
    if clusters is not None:
        parts = cluster_totals(parts[:, None], clusters)[:, 0]
    count = len(parts)
    if count < 2:
        return float("inf")
    return float(np.sqrt(count / (count - 1) * np.square(parts).sum()))


def effective_items(differences: Array, clusters: Labels, alpha: float) -> float:
    """Return how many independent items would say as much about the mean difference.

    n over the design effect, the ratio of the clustered to the plain variance, but never more than
    n; and less by the square of a ratio of t quantiles, because few clusters show that variance
    only roughly. Score intervals that are computed from counts scaled down to this number hold for
    clusters: Rao and Scott, "A simple method for the analysis of clustered binary data", Biometrics
    48, 1992; Korn and Graubard, Survey Methodology 24, 1998.

    Args:
        differences: A minus B of each item, [n].
        clusters: [n].
        alpha: one-sided level of the quantiles.

    Returns:
        The number, positive; that of the clusters when all differences are equal.
    """
    n, count = len(differences), len(np.unique(clusters))
    if count == n:
        return float(n)
    if count == 1 or np.ptp(differences) == 0:
        return float(count)
    a, b = (np.stack([d, np.ones(n)], axis=1) for d in (differences, np.zeros(n)))
    effect = (difference_error(a, b, clusters) / difference_error(a, b)) ** 2
    quantiles = stdtrit(n - 1, alpha) / stdtrit(count - 1, alpha)
    return float(n / max(effect, 1.0) * quantiles**2)
