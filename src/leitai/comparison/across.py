"""Would the difference hold for other seeds and other ways of asking? Variance components.

The primary task's table of items, seeds and arms, for each pair (`statistics/components.py`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from leitai.comparison.numbers import ends, rounded
from leitai.comparison.pairing import pair_name, pairs_of
from leitai.comparison.statistics.components import across_arms
from leitai.evaluation import ItemRecord

Table = Mapping[tuple[int, str], Mapping[str, Mapping[str, ItemRecord]]]
"""Records by (seed, arm), contender and item."""


def components(table: Table, alpha: float) -> dict[str, Any] | None:
    """Compare every two contenders beyond the seeds and arms that were tried.

    Args:
        table: of every seed under every arm; at least two of them.
        alpha: one minus the level.

    Returns:
        The "components" of `verdict.json`: over how many items, seeds and arms, and for each pair
        the mean difference with its interval for new items, seeds and arms, its p and the variance
        of each term. None where the arms share fewer than two items.
    """
    seeds = list(dict.fromkeys(seed for seed, _ in table))
    arms = list(dict.fromkeys(arm for _, arm in table))
    sides = [records for found in table.values() for records in found.values()]
    items = sorted(set(sides[0]).intersection(*sides[1:]))
    if len(items) < 2:
        return None
    keys = list(next(iter(table.values())))
    cubes = {
        key: np.stack(
            [
                np.stack([_scores(table[seed, arm][key], items) for arm in arms], axis=-1)
                for seed in seeds
            ],
            axis=1,
        )
        for key in keys
    }
    pairs = {}
    for first, second in pairs_of(keys):
        found = across_arms(cubes[first], cubes[second], alpha=alpha)
        pairs[pair_name(first, second)] = {
            "difference": {"value": rounded(found.value), **ends(found.interval)},
            "p": rounded(found.p),
            "degrees": rounded(found.degrees),
            "variances": {
                " x ".join(term): rounded(value) for term, value in found.components.items()
            },
        }
    return {"items": len(items), "seeds": len(seeds), "templates": len(arms), "pairs": pairs}


def _scores(records: Mapping[str, ItemRecord], items: list[str]) -> np.ndarray:
    """Return what each item adds to the metric, so that the mean is the ratio of sums."""
    found = np.array([(records[i].numerator, records[i].denominator) for i in items], dtype=float)
    scores: np.ndarray = found[:, 0] * len(items) / found[:, 1].sum()
    return scores
