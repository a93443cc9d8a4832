"""Scores of two contenders on the same items, brought together or refused."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from leitai.base.errors import LeitaiError


@dataclass(frozen=True, slots=True)
class ItemScore:
    """What one contender scored on one item.

    Attributes:
        id: the item; the same for both contenders.
        slices: groups that the item also counts in, such as its language.
        numerator: what the metric sums above the line: 1 or 0 when graded right or wrong, bits for
            bits per byte.
        denominator: what it sums below: 1 when graded, bytes for bits per byte; positive.
        correct: right or wrong; None where an item has only a score.
        parsed: False when no answer could be found in what the contender wrote.
    """

    id: str
    slices: tuple[str, ...]
    numerator: float
    denominator: float
    correct: bool | None = None
    parsed: bool = True


@dataclass(frozen=True, slots=True)
class TaskScores:
    """One task with the scores of both contenders, in any order.

    Attributes:
        task: its name, unique in the verdict.
        metric: what the ratio is: ``accuracy``, ``exact_match``, ``bits_per_byte``.
        higher_is_better: direction of the metric.
        margin: differences smaller than this do not matter; in the metric's unit (0.03 is three
            points of accuracy); 0 makes equivalence impossible.
        a: the scores of A.
        b: the scores of B, on the same items.
        primary: whether this task decides the overall verdict.
    """

    task: str
    metric: str
    higher_is_better: bool
    margin: float
    a: Sequence[ItemScore]
    b: Sequence[ItemScore]
    primary: bool = False


def pair_items(task: TaskScores) -> tuple[list[ItemScore], list[ItemScore]]:
    """Bring both sides into one order, by id.

    Returns:
        The scores of A and of B; position i is the same item on both sides.

    Raises:
        LeitaiError: there are no items, an item is missing on one side, is there twice or has
            other slices or another size, or a score is not a number above a positive one.
    """
    where = f"task {task.task}"
    if not (math.isfinite(task.margin) and task.margin >= 0):
        raise LeitaiError(f"the margin must be 0 or more, got {task.margin}", where=where)
    a, b = (_by_id(side, scores, where) for side, scores in (("A", task.a), ("B", task.b)))
    if a.keys() != b.keys():
        raise LeitaiError(
            f"A and B were not asked the same items: {len(a.keys() - b.keys())} only A, "
            f"{len(b.keys() - a.keys())} only B, such as {min(a.keys() ^ b.keys())!r}",
            where=where,
            remedy="score both on the same items",
        )
    if not a:
        raise LeitaiError("there are no items to compare", where=where)
    order = sorted(a)
    for one, other in ((a[key], b[key]) for key in order):
        if set(one.slices) != set(other.slices) or one.denominator != other.denominator:
            raise LeitaiError(
                f"the item {one.id!r} differs between A and B: slices {list(one.slices)} and "
                f"{list(other.slices)}, size {one.denominator:g} and {other.denominator:g}",
                where=where,
                remedy="score both on the same data",
            )
    return [a[key] for key in order], [b[key] for key in order]


def _by_id(side: str, scores: Sequence[ItemScore], where: str) -> dict[str, ItemScore]:
    for key, count in Counter(score.id for score in scores).items():
        if count > 1:
            raise LeitaiError(
                f"{side} has {count} scores for the item {key!r}, expected one",
                where=where,
                remedy="give every item its own id",
            )
    for score in scores:
        if not (math.isfinite(score.numerator) and 0 < score.denominator < math.inf):
            raise LeitaiError(
                f"{side}'s score of the item {score.id!r} is {score.numerator} over "
                f"{score.denominator}, expected a number over a positive one",
                where=where,
                remedy="score the item again",
            )
    return {score.id: score for score in scores}
