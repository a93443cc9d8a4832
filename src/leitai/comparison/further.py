"""Numbers beside the deciding one: means of items' measures, and summaries of whole slices.

Intervals are percentiles of a bootstrap over items, or over clusters where items belong together.
They are for orientation: nothing is decided by them, and nothing is adjusted for their being many.
"""

import math
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
        By slice, metric and contender: value, low and high. A mean is over the items that have the
        measure; what a slice has nothing of is left out.
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
    first = next(iter(part.values()))
    names = sorted({name for side in part.values() for record in side for name in record.measures})
    summaries = task.summaries()
    if not names and not summaries:
        return {}
    draws = _draws(len(first), clusters_of([score_of(record) for record in first]), seed)
    found: Numbers = {}
    for name in names:
        values = {
            key: np.array([record.measures.get(name, math.nan) for record in side])
            for key, side in part.items()
        }
        found[name] = {
            key: _estimate(_mean(own), [_mean(own[drawn]) for drawn in draws])
            for key, own in values.items()
            if not np.isnan(own).all()
        }
    for name, summary in summaries.items():
        numbers = {key: _summarise(summary, side, draws) for key, side in part.items()}
        found[name] = {key: number for key, number in numbers.items() if number is not None}
    return {name: numbers for name, numbers in found.items() if numbers}


def _mean(values: np.ndarray) -> float:
    """The mean over the items that have the measure."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else math.nan


def _summarise(
    summary: Callable[[Sequence[ItemRecord]], float],
    side: Sequence[ItemRecord],
    draws: Sequence[np.ndarray],
) -> dict[str, Any] | None:
    value = summary(side)
    if not math.isfinite(value):
        return None  # a share of nothing
    return _estimate(value, [summary([side[i] for i in drawn]) for drawn in draws])


def _estimate(value: float, replicates: Sequence[float]) -> dict[str, Any]:
    tail = (1 - _LEVEL) / 2
    found = np.array([value, *(r for r in replicates if math.isfinite(r))])
    low, high = np.quantile(found, [tail, 1 - tail])
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
