"""Is the better one worth its price? Which of two or more contenders to take, given their costs.

A cost is any positive number of which less is better: money, seconds or bytes for the same work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from leitai.comparison.statistics.binary import Interval
from leitai.comparison.statistics.clustered import Labels, cluster_totals
from leitai.comparison.statistics.compare import Estimate
from leitai.comparison.statistics.resampling import RESAMPLES, Array, bootstrap

Verdict = Literal["a_better", "b_better", "equivalent", "undecided"]
Side = Literal["A", "B"]


class Cost(NamedTuple):
    """What a contender costs.

    Attributes:
        value: the cost.
        interval: its 1 - alpha interval; None where it is known exactly.
    """

    value: float
    interval: Interval | None = None

    @property
    def range(self) -> Interval:
        """The interval, or the value as one."""
        return self.interval or Interval(self.value, self.value)

    def below(self, other: "Cost") -> bool:
        """Tell whether it is shown to be cheaper."""
        return self.range.high < other.range.low

    def at_most(self, other: "Cost") -> bool:
        """Tell whether it is shown not to be dearer."""
        return self.range.high <= other.range.low


class Choice(NamedTuple):
    """Which contender to take, and why.

    Attributes:
        side: the one to take; None where nothing speaks for either.
        rule: ``dominates``: better and not dearer; ``better``: at a price, which is the reader's
            to judge; ``cheaper``: equivalent and cheaper; ``same``: equivalent, and neither is
            shown to be cheaper; ``undecided``: the quality is.
        on_front: for A and B, whether no other is shown to be at least as good and cheaper, or
            better and not dearer.
    """

    side: Side | None
    rule: Literal["dominates", "better", "cheaper", "same", "undecided"]
    on_front: tuple[bool, bool]


def choose(verdict: Verdict, a: Cost, b: Cost) -> Choice:
    """Choose by quality, and by cost where quality is equivalent.

    Args:
        verdict: of the duel; it holds the quality's uncertainty.
        a: what A costs.
        b: what B costs for the same work.
    """
    front_a, front_b = pareto_front([a, b], {(0, 1): verdict})
    on_front = front_a, front_b
    if verdict == "undecided":
        return Choice(None, "undecided", on_front)
    if verdict == "equivalent":
        if all(on_front):
            return Choice(None, "same", on_front)
        return Choice("A" if front_a else "B", "cheaper", on_front)
    side: Side = "A" if verdict == "a_better" else "B"
    return Choice(side, "better" if all(on_front) else "dominates", on_front)


def pareto_front(
    costs: Sequence[Cost], verdicts: Mapping[tuple[int, int], Verdict]
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
            cheaper = costs[one].below(costs[other])
            if (verdict == better and costs[one].at_most(costs[other])) or (
                verdict == "equivalent" and cheaper
            ):
                on_front[other] = False
    return tuple(on_front)


@dataclass(frozen=True)
class QualityPerCost:
    """What a unit of cost buys.

    Attributes:
        a: quality over cost of A, with its 1 - alpha interval.
        b: the same of B.
        ratio: that of A over that of B; above 1, A gives more for the same.
    """

    a: Estimate
    b: Estimate
    ratio: Estimate


def quality_per_cost(
    a: Array,
    b: Array,
    *,
    alpha: float = 0.05,
    clusters: Labels | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> QualityPerCost:
    """Compare what both give for their cost; BCa bootstrap over items.

    Args:
        a: quality and cost of A on each item, [n, 2]; qualities not negative and not all 0, costs
            positive.
        b: the same of B, same items in the same order, [n, 2].
        alpha: one minus the level.
        clusters: the cluster of each item, [n]; None where items are independent.
        resamples: of the bootstrap.
        seed: of the bootstrap.

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
    found = bootstrap(
        sums,
        (
            lambda t: t[:, 0] / t[:, 1],
            lambda t: t[:, 2] / t[:, 3],
            lambda t: t[:, 0] * t[:, 3] / t[:, 1] / np.maximum(t[:, 2], least),
        ),
        resamples=resamples,
        seed=seed,
    )
    return QualityPerCost(*(Estimate(one.value, one.interval(alpha)) for one in found))
