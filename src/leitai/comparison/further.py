"""Numbers beside the deciding one: means of items' measures, and summaries of whole slices.

Intervals are percentiles of a bootstrap over items, or over clusters where items belong together.
They are for orientation: nothing is decided by them, and nothing is adjusted for their being many.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from leitai.comparison.compared import ALL, clusters_of
from leitai.comparison.numbers import rounded
from leitai.comparison.pairing import ItemScore
from leitai.evaluation import BaseTask, ItemRecord

RESAMPLES = 499
"""Of a summary, which is computed anew each time."""

_WORK = 2_000_000
"""Records read by all resamples of one summary; large slices get fewer resamples."""

_FEWEST = 99
_LEVEL = 0.95

Numbers = dict[str, dict[str, dict[str, Any]]]


def score_of(record: ItemRecord) -> ItemScore:
    """Return what the verdict needs of a record."""
    return ItemScore(
        record.id,
        record.slices,
        record.numerator,
        record.denominator,
        record.correct,
        record.parsed,
        record.group,
    )


def further_numbers(
    task: BaseTask, records: Mapping[str, Sequence[ItemRecord]], seed: int
) -> dict[str, Numbers]:
    """Return the further numbers of a task.

    Args:
        task: says what a slice is summarised by.
        records: of every contender by key, on the same items in the same order.
        seed: of the resamples; the same items are drawn for every contender.

    Returns:
        By slice, metric and contender: value, low and high. A measure that an item lacks is left
        out of that slice.
    """
    items = next(iter(records.values()))
    labels = sorted({label for record in items for label in record.slices} - {ALL})
    result: dict[str, Numbers] = {}
    for label in (ALL, *labels):
        chosen = [i for i, record in enumerate(items) if label == ALL or label in record.slices]
        part = {key: [found[i] for i in chosen] for key, found in records.items()}
        result[label] = _numbers(task, part, seed)
    return result


def _numbers(task: BaseTask, part: Mapping[str, Sequence[ItemRecord]], seed: int) -> Numbers:
    sides = list(part.values())
    names = sorted({name for record in sides[0] for name in record.measures})
    measured = [n for n in names if all(n in r.measures for side in sides for r in side)]
    summaries = task.summaries()
    if not measured and not summaries:
        return {}
    clusters = clusters_of([score_of(record) for record in sides[0]])
    draws = _draws(len(sides[0]), clusters, seed)
    found: Numbers = {}
    for name in measured:
        found[name] = {}
        for key, side in part.items():
            values = np.array([record.measures[name] for record in side])
            replicates = [float(values[drawn].mean()) for drawn in draws]
            found[name][key] = _estimate(float(values.mean()), replicates)
    for name, summary in summaries.items():
        found[name] = {key: _summarise(summary, side, draws) for key, side in part.items()}
    return found


def _summarise(
    summary: Callable[[Sequence[ItemRecord]], float],
    side: Sequence[ItemRecord],
    draws: Sequence[np.ndarray],
) -> dict[str, Any]:
    replicates = [summary([side[i] for i in drawn]) for drawn in draws]
    return _estimate(summary(side), replicates)


def _estimate(value: float, replicates: Sequence[float]) -> dict[str, Any]:
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(np.array(replicates), [tail, 1 - tail])
    return {"value": rounded(value), "low": rounded(float(low)), "high": rounded(float(high))}


def _draws(n: int, clusters: Sequence[str] | None, seed: int) -> list[np.ndarray]:
    """Return the drawn items of every resample, whole clusters where there are any."""
    rng = np.random.default_rng(seed)
    resamples = min(RESAMPLES, max(_FEWEST, _WORK // n))
    if clusters is None:
        return [rng.integers(0, n, n) for _ in range(resamples)]
    members: dict[str, list[int]] = {}
    for number, cluster in enumerate(clusters):
        members.setdefault(cluster, []).append(number)
    groups = [np.array(group) for group in members.values()]
    return [
        np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])
        for _ in range(resamples)
    ]
