"""Numbers of a classification that are no mean over its items."""

import math
from collections import Counter
from collections.abc import Collection, Sequence


def macro_f1(expected: Sequence[str], found: Sequence[str | None]) -> float:
    """Return the mean of the classes' F1, over the classes that are expected or found.

    F1 is ``2 TP / (2 TP + FP + FN)``. An answer that names no class (None) is a miss of its own
    class and counts against no other.

    Args:
        expected: the right class of each item; at least one.
        found: the class that was answered.
    """
    hits = Counter(a for a, b in zip(expected, found, strict=True) if a == b)
    either = Counter(expected) + Counter(label for label in found if label is not None)
    return math.fsum(2 * hits[label] / count for label, count in either.items()) / len(either)


def precision(expected: Sequence[bool], found: Sequence[bool]) -> float:
    """Return the share of what was found that is expected; NaN where nothing was found."""
    return _share([right for right, answer in zip(expected, found, strict=True) if answer])


def recall(expected: Sequence[bool], found: Sequence[bool]) -> float:
    """Return the share of what is expected that was found; NaN where nothing is expected."""
    return _share([answer for right, answer in zip(expected, found, strict=True) if right])


def false_positive_rate(expected: Sequence[bool], found: Sequence[bool]) -> float:
    """Return the share of what is not expected that was found; NaN where all is expected."""
    return _share([answer for right, answer in zip(expected, found, strict=True) if not right])


def _share(hits: Collection[bool]) -> float:
    return sum(hits) / len(hits) if hits else math.nan
