"""How high the right one of many candidates stands, and what else decides the place."""

import math
from collections.abc import Sequence

import numpy as np


def rank_of(scores: Sequence[float], right: int) -> int:
    """Return the rank, from 1, of the candidate `right`; of equal scores it stands last.

    So a recommender that scores all alike finds nothing.

    Args:
        scores: of every candidate; more is better.
        right: index of the right candidate.
    """
    best = scores[right]
    return 1 + sum(score >= best for place, score in enumerate(scores) if place != right)


def hit_rate(rank: int, k: int) -> float:
    """Return 1 if the one right candidate is among the first k, else 0."""
    return float(rank <= k)


def ndcg(rank: int, k: int) -> float:
    """Return the normalised discounted cumulative gain at k of one right candidate.

    Its gain is ``1 / log2(rank + 1)``, that of the ideal order is 1 (Järvelin & Kekäläinen, 2002).
    """
    return 1 / math.log2(rank + 1) if rank <= k else 0.0


def reciprocal_rank(rank: int) -> float:
    """Return ``1 / rank``; its mean is the MRR."""
    return 1 / rank


def position_bias(chosen: Sequence[int], offered: Sequence[int]) -> float:
    """Return how strongly a candidate's place in shuffled lists goes with its being chosen.

    The absolute value of Spearman's rank correlation between place and being chosen (1 or 0), over
    all candidates of all lists. Whoever chooses by content alone is near 0; whoever always takes
    the first of n gets ``sqrt(3 / (n + 1))``, the most there is. NaN where no list has a choice.

    Args:
        chosen: the place, from 0, of the chosen candidate in each list.
        offered: how many candidates each list has.
    """
    from scipy.stats import spearmanr  # 60 MB, which every command would carry

    counts = np.array(offered, dtype=np.int64)
    if len(counts) == 0 or counts.max() < 2:
        return math.nan
    starts = counts.cumsum() - counts
    places = np.arange(counts.sum()) - np.repeat(starts, counts)
    taken = np.zeros(len(places))
    taken[starts + np.array(chosen, dtype=np.int64)] = 1.0
    return abs(float(spearmanr(places, taken).statistic))
