"""Deciding while items are still being scored: evidence that may be looked at after every item.

A fixed-sample p value loses its level when one looks at it again and again and stops at the first
small one. Here each claim is put to a bettor instead: start with capital 1, bet on every item
against the claim at odds that are fair if the claim holds. Then the capital, an e-value, is a
non-negative supermartingale, and by Ville's inequality the chance that it *ever* reaches 1 / alpha
is at most alpha; so one may stop at any item, for any reason.

An item's difference d, A minus B, lies in [-1, 1]; y = (1 + d) / 2 lies in [0, 1]. Against "the
mean of y is at most m" a bettor who stakes the fraction c has after n items the capital

    K_n(m) = product over i of (1 - c + c y_i / m_i)

with m_i the mean of the next item if the claim holds: m itself where items are drawn without end,
and (N m - y_1 - ... - y_{i-1}) / (N - i + 1) where they are a pool of N in random order. No
fraction is best for all truths, so the capital is divided equally over `STAKES` and each part bets
on its own; that mixture is worth at least a sixth of the best of them, whatever the truth. K falls
as m grows, so the claims not yet refuted form an interval: a confidence sequence.

Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", Journal of the
Royal Statistical Society B 86, 2024 (section 5 for pools without replacement); the mixture over
fixed fractions is Cover's universal portfolio, see Orabona and Jun, "Tight concentrations and
confidence sequences from the regret of universal portfolio", IEEE Transactions on Information
Theory 70, 2024. For right-or-wrong items and the claim "no difference" it is the sequential sign
test on the discordant items, with a mixture over their share of wins.

**Which question.** `population=None` asks about all items like these, the question of the
fixed-sample tests in this package. `population=N` asks about the mean over the N items at hand and
nothing beyond; the interval closes to a point at the N-th item, so that any difference at all is
found there. Two contenders that are equally good in general still differ on nearly every pool: for
a claim about further items, a pool's answer would be wrong nearly always.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leitai.comparison.statistics.binary import Interval

Array = NDArray[np.float64]

STAKES = tuple(float(stake) for stake in np.geomspace(0.06, 0.98, 6))
"""Fractions of the capital staked on an item.

The best fraction is near the true difference over its variance: 0.06 finds a point and a half at a
standard deviation of one half, 0.98 finds two points at a standard deviation of 0.14.
"""

EARLY_SHARE = 0.2
"""Share of alpha for stopping early where the full test follows if nothing stopped the scoring.

Evidence that may be looked at any time costs power at the last item. With this share of alpha for
`decided` and the rest for the ordinary test over all items, nearly all that the full test would
have found is still found, and by Bonferroni's inequality alpha holds for both together. A fifth is
enough to find large differences early: five times less alpha costs about log(5) / log(40) more of
the items.
"""

CERTAIN = 1e300
"""The largest e-value that is told; a claim that is refuted beyond doubt has it."""

_ROUNDING = 1e-9
_HALVINGS = 40  # of [-1, 1], which leaves 2e-12


class Decision(NamedTuple):
    """What stopped the scoring.

    Attributes:
        outcome: ``a_higher`` or ``b_higher``, the side whose scores are higher; ``equivalent``.
        n: items after which it was decided.
        e_value: the evidence against the opposite: against "no difference", or against "a
            difference of at least the margin".
        interval: the confidence sequence after `n` items, in the scores' unit.
    """

    outcome: Literal["a_higher", "b_higher", "equivalent"]
    n: int
    e_value: float
    interval: Interval


@dataclass(frozen=True)
class Evidence:
    """Evidence after each item; each array has the shape [..., n] of the differences.

    Attributes:
        higher: the largest e-value so far against "A is not higher".
        lower: against "A is not lower".
        equivalent: against "the difference is at least the margin"; 0 without a margin.
    """

    higher: Array
    lower: Array
    equivalent: Array

    @property
    def different(self) -> Array:
        """Against "no difference": each direction had half of the capital."""
        return np.maximum(self.higher, self.lower) / 2

    def decided_at(self, alpha: float) -> NDArray[np.int64]:
        """The number of items at the first decision, 0 where there is none yet, [...]."""
        reached = np.maximum(self.different, self.equivalent) >= 1 / alpha
        return np.where(reached.any(-1), (~reached).sum(-1) + 1, 0)


class Sizes(NamedTuple):
    """How many items the clusters have, which is known before any is scored.

    Attributes:
        counts: of the clusters scored so far, [n].
        largest: of all clusters that may be scored.
    """

    counts: Array
    largest: float


def capital(
    differences: Array,
    mean: float,
    *,
    population: int | None = None,
    sizes: Sizes | None = None,
) -> Array:
    """Return what betting against "the mean difference is at most `mean`" has made of 1.

    The negated differences and the negated mean bet against "at least".

    Args:
        differences: A minus B of each item in the order of scoring, in [-1, 1], [..., n].
        mean: of the claim, above -1.
        population: items in the pool that these were drawn from without replacement; None where
            they stand for all items like them.
        sizes: where a row is a cluster and `differences` are sums over its items: then the claim is
            of the mean over items, not over clusters, and a cluster is bet on by its size. Not
            with `population`.

    Returns:
        The capital after each item, [..., n], at most `CERTAIN`; an e-value at any time.
    """
    scores, claimed = (1 + differences) / 2, (1 + mean) / 2
    sums = np.cumsum(scores, axis=-1)
    with np.errstate(over="ignore"):
        if sizes is not None:
            # 1 on average if the sums are `mean` times the sizes on average, and never below 0
            fair = (1 + mean) * sizes.largest
            ratio = 1 + (differences - mean * sizes.counts) / fair
        elif population is None:
            ratio = scores / claimed
        else:
            left = population - np.arange(scores.shape[-1])
            expected = (population * claimed - sums + scores) / left
            # Nothing is left to be had under the claim: the next score must be 0, as expected.
            ratio = np.where(expected > _ROUNDING, scores / np.maximum(expected, _ROUNDING), 1.0)
        total = np.zeros_like(scores)
        for stake in STAKES:
            total += np.cumprod(1 - stake + stake * ratio, axis=-1)
    total = np.minimum(total / len(STAKES), CERTAIN)
    if population is not None:
        total[sums > population * claimed + _ROUNDING * population] = CERTAIN
    return total


def evidence(
    differences: Array,
    *,
    margin: float,
    population: int | None = None,
    sizes: Sizes | None = None,
) -> Evidence:
    """Return the evidence for each claim after each item.

    Args:
        differences: in [-1, 1], in the order of scoring, [..., n]; leading axes are comparisons of
            their own.
        margin: equivalence margin; 0 makes equivalence impossible.
        population: see `capital`.
        sizes: see `capital`.
    """

    def best(sign: int, mean: float) -> Array:
        return np.maximum.accumulate(
            capital(sign * differences, mean, population=population, sizes=sizes), axis=-1
        )

    return Evidence(
        higher=best(1, 0.0),
        lower=best(-1, 0.0),
        # Both ends must be refuted, so neither costs the other a share of alpha (as in TOST).
        equivalent=np.minimum(best(1, -margin), best(-1, -margin))
        if 0 < margin < 1
        else np.zeros_like(differences),
    )


def confidence_sequence(
    differences: Array,
    *,
    alpha: float = 0.05,
    population: int | None = None,
    sizes: Sizes | None = None,
) -> Interval:
    """Return the interval that holds the mean difference at all times with chance 1 - alpha.

    It is the intersection of the intervals after every item so far, and has 0 outside when
    `Evidence.different` has reached 1 / alpha. Ends are rounded outwards by at most 2e-12.

    Args:
        differences: of one comparison, in [-1, 1], [n].
        alpha: one minus the level.
        population: see `capital`.
        sizes: see `capital`.
    """

    def refuted(values: Array, mean: float) -> bool:
        worth = capital(values, mean, population=population, sizes=sizes)
        return bool(worth.max(initial=0.0) >= 2 / alpha)

    return Interval(
        lower_end(lambda mean: refuted(differences, mean)),
        -lower_end(lambda mean: refuted(-differences, mean)),
    )


def lower_end(refuted: Callable[[float], bool]) -> float:
    """Return the largest mean in [-1, 1] up to which all are refuted, rounded down."""
    low, high = -1.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if refuted(middle) else (low, middle)
    return low


def decided(
    differences: Array,
    *,
    margin: float,
    alpha: float = 0.05,
    population: int | None = None,
    sizes: Sizes | None = None,
    span: float = 1.0,
) -> Decision | None:
    """Return the first decision that the items scored so far allow, if any.

    Call it after every chunk with *all* differences so far, in the order that was fixed before
    scoring: it looks at every item in between, so the decision and its n do not depend on how the
    items are cut into chunks. The chance of a wrong decision, over all looks, is at most alpha for
    "no difference, but one side is called higher", and at most alpha for "at least the margin, but
    called equivalent".

    As with all items scored, `equivalent` comes first where an item allows both. Where items share
    a cluster and `population` is None, pass one sum of differences for each cluster, and `sizes`.

    Args:
        differences: the score of A minus that of B, [n].
        margin: equivalence margin, in the scores' unit; 0 makes equivalence impossible.
        alpha: allowed rate of each kind of wrong decision.
        population: size of the pool if the question is about it alone; see the module.
        sizes: see `capital`.
        span: largest possible difference in size: 1 for right or wrong, 100 for chrF.

    Raises:
        ValueError: a difference is not a number within the span, or there are more of them than
            the population has.
    """
    if not np.all(np.abs(differences) <= (span if sizes is None else span * sizes.counts)):
        raise ValueError(f"differences must lie within {-span:g} and {span:g}")
    if population is not None and len(differences) > population:
        raise ValueError(f"{len(differences)} differences of a population of {population}")
    scaled = np.asarray(differences, dtype=np.float64) / span
    found = evidence(scaled, margin=margin / span, population=population, sizes=sizes)
    n = int(found.decided_at(alpha))
    if n == 0:
        return None
    until = None if sizes is None else Sizes(sizes.counts[:n], sizes.largest)
    low, high = confidence_sequence(scaled[:n], alpha=alpha, population=population, sizes=until)
    alike, apart = float(found.equivalent[n - 1]), float(found.different[n - 1])
    outcome: Literal["a_higher", "b_higher", "equivalent"] = "equivalent"
    if alike < 1 / alpha:
        outcome = "a_higher" if found.higher[n - 1] > found.lower[n - 1] else "b_higher"
    return Decision(
        outcome,
        n,
        alike if outcome == "equivalent" else apart,
        Interval(low * span, high * span),
    )
