"""Every pair of contenders compared on one task, over all its items and over each slice."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from leitai.comparison.numbers import ends, rounded
from leitai.comparison.pairing import ItemScore, TaskScores, align, pairs_of
from leitai.comparison.statistics import PairedComparison, compare_binary, compare_ratio
from leitai.evaluation import MEASURES

ALL = "all"
"""The slice that holds every item of a task."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One slice.

    Attributes:
        n: items.
        clusters: clusters of items; None when every item stands alone.
        scores: by contender, as `verdict.json` has it.
        pairs: the comparison of every two contenders.
    """

    n: int
    clusters: int | None
    scores: dict[str, dict[str, Any]]
    pairs: dict[tuple[str, str], PairedComparison]


Slices = dict[str, Compared]


def compare_task(task: TaskScores, alpha: float, resamples: int, seed: int) -> Slices:
    """Compare over all items and over each slice, "all" first, the others by name.

    Raises:
        LeitaiError: the scores cannot be compared.
    """
    aligned = align(task)
    items = next(iter(aligned.values()))
    labels = sorted({label for score in items for label in score.slices} - {ALL})
    binary = all(
        s.numerator in (0, 1) and s.denominator == 1 for side in aligned.values() for s in side
    )
    result: Slices = {}
    for label in (ALL, *labels):
        chosen = [i for i, s in enumerate(items) if label == ALL or label in s.slices]
        scores = {key: [side[i] for i in chosen] for key, side in aligned.items()}
        result[label] = _compare_slice(task, scores, binary, alpha, resamples, seed)
    return result


def clusters_of(scores: Sequence[ItemScore]) -> list[str] | None:
    """Return the cluster of every item, or None when no cluster has more than one.

    An item without a group is a cluster by itself.
    """
    groups = [
        f"item {score.id}" if score.group is None else f"group {score.group}" for score in scores
    ]
    return groups if len(set(groups)) < len(groups) else None


def _compare_slice(
    task: TaskScores,
    scores: dict[str, list[ItemScore]],
    binary: bool,
    alpha: float,
    resamples: int,
    seed: int,
) -> Compared:
    sums = {
        key: np.array([(s.numerator, s.denominator) for s in side], dtype=float)
        for key, side in scores.items()
    }
    clusters = clusters_of(next(iter(scores.values())))
    numbers = None if clusters is None else np.unique(clusters, return_inverse=True)[1]

    def compare(first: str, second: str) -> PairedComparison:
        a, b = sums[first], sums[second]
        options: dict[str, Any] = {"margin": task.margin, "alpha": alpha, "clusters": numbers}
        options |= {"resamples": resamples, "seed": seed}
        if binary:
            return compare_binary(a[:, 0] > 0, b[:, 0] > 0, **options)
        return compare_ratio(a, b, bounded=MEASURES[task.metric].unit == "share", **options)

    pairs = {pair: compare(*pair) for pair in pairs_of(list(scores))}
    estimates = {
        key: estimate
        for (first, second), found in pairs.items()
        for key, estimate in ((first, found.a), (second, found.b))
    }
    return Compared(
        n=len(next(iter(scores.values()))),
        clusters=None if clusters is None else len(set(clusters)),
        scores={
            key: {
                "value": rounded(estimates[key].value),
                **ends(estimates[key].interval),
                **_unparsed(side, rounded(estimates[key].value)),
            }
            for key, side in scores.items()
        },
        pairs=pairs,
    )


def _unparsed(scores: Sequence[ItemScore], value: float) -> dict[str, Any]:
    """How many answers could not be read, and the metric had all of them been right."""
    count = sum(not score.parsed for score in scores)
    best = min(1.0, value + count / len(scores)) if count else value
    return {"unparsed": count, "best_case": rounded(best)}
