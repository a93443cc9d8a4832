"""Scores of two to eight contenders on the same items, brought together or refused."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from leitai.base.errors import LeitaiError

KEYS = "ABCDEFGH"
"""What contenders are called in files, in the order of the spec."""

FurtherNumbers = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By slice, metric and contender: value, low and high."""


@dataclass(frozen=True, slots=True)
class ItemScore:
    """What one contender scored on one item.

    Attributes:
        id: the item; the same for every contender.
        slices: groups that the item also counts in, such as its language.
        numerator: what the metric sums above the line: 1 or 0 when graded right or wrong, bits for
            bits per byte.
        denominator: what it sums below: 1 when graded, bytes for bits per byte; positive.
        correct: right or wrong; None where an item has only a score.
        parsed: False when no answer could be found in what the contender wrote.
        group: the cluster of items that belong together; None where it stands alone.
    """

    id: str
    slices: tuple[str, ...]
    numerator: float
    denominator: float
    correct: bool | None = None
    parsed: bool = True
    group: str | None = None


@dataclass(frozen=True, slots=True)
class TaskScores:
    """One task with the scores of all contenders, in any order.

    Attributes:
        task: its name, unique in the verdict.
        metric: what the ratio is: ``accuracy``, ``exact_match``, ``bits_per_byte``.
        higher_is_better: direction of the metric.
        margin: differences smaller than this do not matter; in the metric's unit (0.03 is three
            points of accuracy); 0 makes equivalence impossible.
        scores: by the contenders' keys, on the same items.
        primary: whether this task decides the overall verdict.
        further: other numbers of each slice; shown, and never decisive.
        sequential: what was seen while it was asked, where asking could stop early.
    """

    task: str
    metric: str
    higher_is_better: bool
    margin: float
    scores: Mapping[str, Sequence[ItemScore]]
    primary: bool = False
    further: FurtherNumbers = field(default_factory=dict)
    sequential: Mapping[str, Any] | None = None


def pair_name(first: str, second: str) -> str:
    """Return the name of a pair of contenders: "A-B"."""
    return f"{first}-{second}"


def pairs_of(keys: Sequence[str]) -> list[tuple[str, str]]:
    """Return every pair of contenders, the earlier one first."""
    return list(combinations(keys, 2))


def align(task: TaskScores) -> dict[str, list[ItemScore]]:
    """Bring all contenders into one order, by id.

    Returns:
        The scores by key; position i is the same item for everybody.

    Raises:
        LeitaiError: there are no items, an item is missing for one contender, is there twice or
            has other slices, another cluster or another size, or a score is not a number above a
            positive one.
    """
    where = f"task {task.task}"
    if not (math.isfinite(task.margin) and task.margin >= 0):
        raise LeitaiError(f"the margin must be 0 or more, got {task.margin}", where=where)
    found = {key: _by_id(key, scores, where) for key, scores in task.scores.items()}
    first, *others = found
    for key in others:
        _refuse_different(first, found[first], key, found[key], where)
    if not found[first]:
        raise LeitaiError("there are no items to compare", where=where)
    order = sorted(found[first])
    return {key: [scores[item] for item in order] for key, scores in found.items()}


def _refuse_different(
    first: str,
    a: Mapping[str, ItemScore],
    second: str,
    b: Mapping[str, ItemScore],
    where: str,
) -> None:
    if a.keys() != b.keys():
        raise LeitaiError(
            f"{first} and {second} were not asked the same items: {len(a.keys() - b.keys())} only "
            f"{first}, {len(b.keys() - a.keys())} only {second}, such as "
            f"{min(a.keys() ^ b.keys())!r}",
            where=where,
            remedy="score all on the same items",
        )
    for one, other in ((a[item], b[item]) for item in sorted(a)):
        same = set(one.slices) == set(other.slices) and one.group == other.group
        if not same or one.denominator != other.denominator:
            raise LeitaiError(
                f"the item {one.id!r} differs between {first} and {second}: slices "
                f"{list(one.slices)} and {list(other.slices)}, group {one.group!r} and "
                f"{other.group!r}, size {one.denominator:g} and {other.denominator:g}",
                where=where,
                remedy="score all on the same data",
            )


def _by_id(key: str, scores: Sequence[ItemScore], where: str) -> dict[str, ItemScore]:
    for item, count in Counter(score.id for score in scores).items():
        if count > 1:
            raise LeitaiError(
                f"{key} has {count} scores for the item {item!r}, expected one",
                where=where,
                remedy="give every item its own id",
            )
    for score in scores:
        if not (math.isfinite(score.numerator) and 0 < score.denominator < math.inf):
            raise LeitaiError(
                f"{key}'s score of the item {score.id!r} is {score.numerator} over "
                f"{score.denominator}, expected a number over a positive one",
                where=where,
                remedy="score the item again",
            )
    return {score.id: score for score in scores}
