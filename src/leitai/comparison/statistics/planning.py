"""How many items a question takes: for planning a duel, and for an undecided one.

All from the normal approximation for the mean of paired differences with standard deviation
`spread` per item. The numbers are for planning: "about n more", if the rest behaves like the items
seen so far.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, ndtr, ndtri

from leitai.comparison.statistics.compare import BOOTSTRAP_MINIMUM

POWER = 0.8
"""Chance that the planned number of items reaches a verdict."""

FORECAST_MINIMUM = 10
"""Items, or clusters, from which something may be forecast."""

LARGEST = 10_000_000
"""Beyond this many items no number is given: nobody would collect them."""

_CANDIDATES = 2_000  # between 1 and LARGEST; two digits are told


class MoreItems(NamedTuple):
    """How many items an undecided comparison lacks, and what they would probably show.

    Attributes:
        items: further ones, rounded up to two digits; None when no practical number would do.
        to_show: which verdict the number is for; None without a number.
    """

    items: int | None
    to_show: Literal["difference", "equivalence"] | None


def items_for_difference(
    spread: float, difference: float, *, alpha: float = 0.05, power: float = POWER
) -> float:
    """Items after which a true `difference` is significant with probability `power`.

    n = ((z(1 - alpha/2) + z(power)) spread / difference)^2

    Returns:
        The number, not rounded; infinite for no difference.
    """
    if difference == 0:
        return math.inf
    reach = float(ndtri(1 - alpha / 2) + ndtri(power))
    root = reach * spread / difference
    return root * root


def items_for_equivalence(
    spread: float,
    difference: float,
    margin: float,
    *,
    alpha: float = 0.05,
    power: float = POWER,
) -> float:
    """Items after which a true `difference` is shown to lie within `margin` (TOST).

    The power of two one-sided tests at `alpha` with standard error e = spread / sqrt(n) is
    Phi((margin - d) / e - z) + Phi((margin + d) / e - z) - 1; this solves it for n.

    Returns:
        The number, not rounded; infinite when the difference is not inside the margin.
    """
    size = abs(difference)
    if size >= margin:
        return math.inf
    if spread == 0:
        return 0.0
    z = float(ndtri(1 - alpha))

    def shortfall(root: float) -> float:
        near, far = (margin - size) * root / spread, (margin + size) * root / spread
        return float(ndtr(near - z) + ndtr(far - z) - 1 - power)

    most = (z + 8) * spread / (margin - size)
    if most > LARGEST:  # the root of the number: far beyond counting
        return math.inf
    return float(brentq(shortfall, 0.0, most)) ** 2


def items_for_paired_binary(
    discordance: float, difference: float, *, alpha: float = 0.05, power: float = POWER
) -> int:
    """Items that McNemar's test needs to find a true difference of two accuracies.

    Args:
        discordance: share of items that exactly one contender has right.
        difference: true difference of the two accuracies, not larger than the discordance.
        alpha: two-sided level.
        power: chance of finding it.
    """
    spread = math.sqrt(discordance - difference**2)
    return math.ceil(items_for_difference(spread, difference, alpha=alpha, power=power))


def more_items(
    n: int,
    spread: float,
    difference: float,
    margin: float,
    *,
    alpha: float = 0.05,
    clusters: int | None = None,
    decisive: int | None = None,
) -> MoreItems:
    """Say how many items an undecided comparison of `n` items still lacks.

    The smallest number after which the chance of a verdict, given the items so far, is `POWER`.
    What is not known of the true difference counts: it is drawn from what the items leave possible
    (predictive power; Spiegelhalter, Freedman and Blackburn, Controlled Clinical Trials 7, 1986).
    With N = n + m items in all, the final mean is normal around the observed one with variance
    spread^2 m / (n N). Nor is the spread known: its upper bound counts. No number falls below the
    least at which the tests can speak.

    Args:
        n: items so far.
        spread: standard deviation of an item's difference, observed.
        difference: observed difference.
        margin: equivalence margin.
        alpha: level that the verdict is held at.
        clusters: independent ones among the items; None: all.
        decisive: items that only one side has right; None where scores are no mere right or wrong.

    Returns:
        No number where the items say too little to forecast from, or none that anybody would
        collect would do.
    """
    independent = n if clusters is None else clusters
    if independent < FORECAST_MINIMUM or spread <= 0:
        return MoreItems(None, None)
    freedom = independent - 1
    likely = spread * math.sqrt(freedom / float(chdtri(freedom, POWER)))
    more = np.unique(np.geomspace(1, LARGEST, _CANDIDATES).round())
    whole = n + more
    apart = abs(difference) * np.sqrt(whole) / likely - ndtri(1 - alpha / 2)
    found = apart / np.sqrt(more / n) >= ndtri(POWER)
    found &= whole >= _least_for_difference(n, independent, decisive, alpha)
    room = margin - ndtri(1 - alpha) * likely / np.sqrt(whole)
    error = likely * np.sqrt(more / (n * whole))
    inside = ndtr((room - difference) / error) - ndtr((-room - difference) / error)
    alike = (room > 0) & (inside >= POWER)
    alike &= whole >= n * BOOTSTRAP_MINIMUM / independent
    numbers = [int(more[seen.argmax()]) if seen.any() else None for seen in (found, alike)]
    known = [number for number in numbers if number is not None]
    if not known:
        return MoreItems(None, None)
    nearest = min(known)
    return MoreItems(_two_digits(nearest), "difference" if nearest == numbers[0] else "equivalence")


def _least_for_difference(n: int, independent: int, decisive: int | None, alpha: float) -> float:
    """Items below which no sign test can reach `alpha`, as often as items decide so far."""
    needed = math.ceil(math.log2(2 / alpha))  # all of them for one side
    if decisive is None:
        return needed * n / independent
    return math.inf if decisive == 0 else needed * n / decisive


def _two_digits(count: int) -> int:
    unit: int = 10 ** max(0, len(str(count)) - 2)
    return -(-count // unit) * unit
