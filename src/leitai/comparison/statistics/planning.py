"""How many items a question takes: for planning a duel, and for an undecided one.

All from the normal approximation for the mean of paired differences with standard deviation
`spread` per item. The numbers are for planning: "about n more", if the rest behaves like the items
seen so far.
"""

import math
from typing import Literal, NamedTuple

from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

POWER = 0.8
"""Chance that the planned number of items reaches a verdict."""

LARGEST = 10_000_000
"""Beyond this many items no number is given: nobody would collect them."""


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
    n: int, spread: float, difference: float, margin: float, *, alpha: float = 0.05
) -> MoreItems:
    """Say how many items an undecided comparison of `n` items still lacks.

    Takes what was observed as the truth and returns the smaller of two numbers: those needed to
    find the difference, and those needed to show that it lies within the margin.

    Args:
        n: items so far.
        spread: standard deviation of an item's difference, observed.
        difference: observed difference.
        margin: equivalence margin.
        alpha: level that the verdict is held at.
    """
    apart = items_for_difference(spread, difference, alpha=alpha)
    alike = items_for_equivalence(spread, difference, margin, alpha=alpha)
    needed = min(apart, alike)
    if needed > LARGEST:
        return MoreItems(None, None)
    missing = max(1, math.ceil(needed) - n)
    return MoreItems(_two_digits(missing), "difference" if apart <= alike else "equivalence")


def _two_digits(count: int) -> int:
    unit: int = 10 ** max(0, len(str(count)) - 2)
    return -(-count // unit) * unit
