"""Is the better one worth its price? Who is on the front of quality and cost, and what a cost buys.

A cost is any positive number of which less is better: money, seconds or bytes for the same work.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from leitai.comparison.statistics.clustered import Labels, cluster_totals
from leitai.comparison.statistics.compare import Estimate
from leitai.comparison.statistics.resampling import RESAMPLES, Array, bootstrap

Verdict = Literal["a_better", "b_better", "equivalent", "undecided"]


def pareto_front(
    costs: Sequence[float], verdicts: Mapping[tuple[int, int], Verdict]
) -> tuple[bool, ...]:
    """Tell for each contender whether it is on the Pareto front of quality and cost.

    One is off the front only if another is *shown* to be better and not dearer, or equivalent and
    cheaper; what is undecided keeps both.

    Args:
        costs: of each contender.
        verdicts: for pairs (i, j), where i was A; pairs that are missing are undecided.
    """
    on_front = [True] * len(costs)
    for (i, j), verdict in verdicts.items():
        for one, other, better in ((i, j, "a_better"), (j, i, "b_better")):
            if (verdict == better and costs[one] <= costs[other]) or (
                verdict == "equivalent" and costs[one] < costs[other]
            ):
                on_front[other] = False
    return tuple(on_front)


def quality_per_cost(
    a: Array,
    b: Array,
    *,
    alpha: float = 0.05,
    clusters: Labels | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Compare what both give for their cost; BCa bootstrap over items.

    Args:
        a: quality and cost of A on each item, [n, 2]; qualities not negative and not all 0, costs
            positive.
        b: the same of B, same items in the same order, [n, 2].
        alpha: one minus the level.
        clusters: the cluster of each item, [n]; None where items are independent.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        Quality over cost of A, over that of B, with its 1 - alpha interval; above 1, A gives more
        for the same.

    Raises:
        ValueError: a quality is negative, all of a side's are 0, or a cost is not positive.
    """
    sums = np.concatenate([a, b], axis=1)
    qualities, costs = sums[:, ::2], sums[:, 1::2]
    if not ((qualities >= 0).all() and qualities.any(axis=0).all() and (costs > 0).all()):
        raise ValueError("expected qualities of 0 or more, some above 0, and costs above 0")
    if clusters is not None:
        sums = cluster_totals(sums, clusters)
    # A resample of a weak B can hold no quality at all; the ratio then counts as very large.
    least = np.finfo(np.float64).tiny
    (found,) = bootstrap(
        sums,
        (lambda t: t[:, 0] * t[:, 3] / t[:, 1] / np.maximum(t[:, 2], least),),
        resamples=resamples,
        seed=seed,
    )
    return Estimate(found.value, found.interval(alpha))
