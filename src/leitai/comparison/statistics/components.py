"""Does a difference hold for other seeds and other wordings of the prompt, or only for these?

Each item is scored under every seed and every template. A difference A minus B is then

    d(item, seed, template) = delta + one random term for each factor, each pair of factors, and all

and averaging over many items does not average out the terms of three seeds. The variances of the
terms follow from the mean squares of the balanced table by the method of moments, and with them the
error of the grand mean for new items, new seeds and new templates; its degrees of freedom are
Satterthwaite's. Searle, Casella and McCulloch, "Variance Components", 1992, chapter 4;
Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics
Bulletin 2, 1946.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from leitai.comparison.statistics.binary import Interval
from leitai.comparison.statistics.resampling import Array

FACTORS = ("item", "seed", "template")

Term = tuple[str, ...]


class MeanSquare(NamedTuple):
    """A line of the table of variance.

    Attributes:
        value: sum of squares over degrees of freedom.
        degrees: of freedom.
    """

    value: float
    degrees: int


@dataclass(frozen=True)
class AcrossArms:
    """A difference that is meant for new items, seeds and templates.

    Attributes:
        value: the mean difference.
        interval: its 1 - alpha interval.
        p: two-sided p of "no difference".
        error: standard error of `value`.
        degrees: of freedom of that error; few when seeds or templates are few and matter.
        components: variance of each term; a term of several factors is how much their effects
            depend on one another, that of all factors includes what is left to chance.
        over: the factors with more than one level, which are those that the interval speaks for.
    """

    value: float
    interval: Interval
    p: float
    error: float
    degrees: float
    components: Mapping[Term, float]
    over: Term


def mean_squares(differences: Array) -> dict[Term, MeanSquare]:
    """Return the mean squares of a balanced crossed table with one value a cell.

    Args:
        differences: [items, seeds, templates]; factors with one level are left out.

    Returns:
        For each set of factors, in the order of `FACTORS`, its mean square.
    """
    active = [axis for axis, levels in enumerate(differences.shape) if levels > 1]
    table = {}
    for axes in _subsets(active):
        effect = np.zeros_like(differences)
        for kept in [(), *_subsets(list(axes))]:
            dropped = tuple(axis for axis in range(differences.ndim) if axis not in kept)
            sign = (-1) ** (len(axes) - len(kept))
            effect = effect + sign * differences.mean(axis=dropped, keepdims=True)
        degrees = math.prod(differences.shape[axis] - 1 for axis in axes)
        term = tuple(FACTORS[axis] for axis in axes)
        table[term] = MeanSquare(float(np.square(effect).sum()) / degrees, degrees)
    return table


def across_arms(a: Array, b: Array, *, alpha: float = 0.05) -> AcrossArms:
    """Compare two contenders so that the result holds beyond these seeds and templates.

    Seeds of A and of B are paired by their number alone; as they are drawn independently, any
    pairing does, and the seed's term holds the variance of both.

    Args:
        a: the scores of A, [items, seeds, templates].
        b: the same of B.
        alpha: one minus the level.

    Raises:
        ValueError: the shapes differ, are not three-dimensional, or hold a single value.
    """
    if a.shape != b.shape or a.ndim != len(FACTORS) or a.size < 2:
        raise ValueError(f"expected two equal tables by {', '.join(FACTORS)}, got {a.shape}")
    differences = np.asarray(a - b, dtype=np.float64)
    levels = dict(zip(FACTORS, differences.shape, strict=True))
    squares = mean_squares(differences)
    components = {
        term: max(
            0.0,
            sum(
                (-1) ** (len(other) - len(term)) * square.value
                for other, square in squares.items()
                if set(term) <= set(other)
            )
            / math.prod(count for name, count in levels.items() if name not in term),
        )
        for term in squares
    }
    # The sum of all components over their numbers of levels, written in mean squares.
    parts = {
        term: (-1) ** (len(term) + 1) * square.value / differences.size
        for term, square in squares.items()
    }
    variance = sum(parts.values())
    largest = max((term for term in squares if len(term) == 1), key=lambda term: parts[term])
    if variance > parts[largest]:
        degrees = variance**2 / sum(part**2 / squares[term].degrees for term, part in parts.items())
    else:
        # In expectation no single factor exceeds the sum: what fell below it did so by chance.
        variance, degrees = parts[largest], float(squares[largest].degrees)
    value, error = float(differences.mean()), math.sqrt(variance)
    reach = -float(stdtrit(degrees, alpha / 2)) * error
    p = float(value == 0)
    if error > 0:
        p = 2 * float(stdtr(degrees, -abs(value) / error))
    return AcrossArms(
        value=value,
        interval=Interval(value - reach, value + reach),
        p=p,
        error=error,
        degrees=degrees,
        components=components,
        over=tuple(name for name, count in levels.items() if count > 1),
    )


def _subsets(axes: list[int]) -> list[tuple[int, ...]]:
    """All non-empty subsets, small ones first."""
    return [
        subset for size in range(1, len(axes) + 1) for subset in itertools.combinations(axes, size)
    ]
