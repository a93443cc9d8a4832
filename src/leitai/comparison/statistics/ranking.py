"""More than two contenders: every pair compared, and the ranks that are left possible."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from leitai.comparison.statistics.compare import PairedComparison
from leitai.comparison.statistics.multiplicity import holm

Scores = TypeVar("Scores")


class Places(NamedTuple):
    """The ranks that a contender can have; 1 is the highest metric."""

    best: int
    worst: int


@dataclass(frozen=True)
class RankedPair:
    """Two of the contenders.

    Attributes:
        first: index of the contender that was A in `comparison`.
        second: index of B; larger than `first`.
        comparison: of the two alone.
        p: two-sided p of "no difference", by Holm's method over all pairs.
        p_equivalence: p of "at least the margin", likewise.
    """

    first: int
    second: int
    comparison: PairedComparison
    p: float
    p_equivalence: float


@dataclass(frozen=True)
class Ranking:
    """All pairs, and what follows for each contender.

    Attributes:
        pairs: in the order (0, 1), (0, 2), ..., (1, 2), ...
        places: of each contender.
    """

    pairs: tuple[RankedPair, ...]
    places: tuple[Places, ...]


def rank(
    scores: Sequence[Scores],
    compare: Callable[[Scores, Scores], PairedComparison],
    *,
    alpha: float = 0.05,
) -> Ranking:
    """Compare every two contenders on the same items.

    A contender's best place is one after those that are shown to be higher, its worst one before
    those shown to be lower. Holm's method holds the chance of any false order below alpha, so with
    chance 1 - alpha all true ranks are among the places at once (Al Mohamad, van Zwet, Goeman and
    Solari, "Simultaneous confidence intervals for ranks with application to ranking institutions",
    Biometrics 78, 2022).

    Args:
        scores: what `compare` takes, for each of at least two contenders.
        compare: such as `compare_binary` with its margin bound; made with the same alpha.
        alpha: allowed rate of any false order.
    """
    indices = list(itertools.combinations(range(len(scores)), 2))
    found = [compare(scores[i], scores[j]) for i, j in indices]
    pairs = tuple(
        RankedPair(i, j, one, p, same)
        for (i, j), one, p, same in zip(
            indices,
            found,
            holm([one.p for one in found]),
            holm([one.p_equivalence for one in found]),
            strict=True,
        )
    )
    above, below = ([0] * len(scores) for _ in range(2))
    for pair in pairs:
        value, interval = pair.comparison.difference
        if pair.p <= alpha and interval.excludes_zero():
            high, low = (pair.first, pair.second) if value > 0 else (pair.second, pair.first)
            above[low] += 1
            below[high] += 1
    places = tuple(
        Places(1 + more, len(scores) - less) for more, less in zip(above, below, strict=True)
    )
    return Ranking(pairs, places)
