"""Votes between answers: how strong each contender is, from who was preferred to whom.

Davidson's extension of the Bradley-Terry model to ties: with strengths s on the logarithmic scale,

    i preferred : tie : j preferred  =  exp((s_i - s_j) / 2) : nu : exp((s_j - s_i) / 2)

so that without ties the odds of i over j are exp(s_i - s_j), and each vote on the same pair has the
same chance of a tie the closer the two are. Where nobody of a group ever beat anybody of the rest,
the likelihood has no highest point (Ford, "Solution of a ranking problem from binary comparisons",
American Mathematical Monthly 64, 1957): a gap across is infinite, and its near end is the exact one
of Clopper and Pearson from the prompts that decided. Bradley and Terry, "Rank analysis of
incomplete block designs", Biometrika 39, 1952; Davidson, "On extending the Bradley-Terry model to
accommodate ties in paired comparison experiments", JASA 65, 1970.

All votes on one prompt are resampled together, because they are about the same question. Whether
two are equally strong is tested on the votes between them: both are swapped prompt by prompt, which
is valid however few the votes are.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from leitai.comparison.statistics.binary import Interval
from leitai.comparison.statistics.compare import Estimate, agree
from leitai.comparison.statistics.multiplicity import holm
from leitai.comparison.statistics.resampling import (
    RESAMPLES,
    Array,
    Distribution,
    resampled_totals,
    sign_flip_test,
)

Votes = NDArray[np.int64]
"""One row a vote, [v, 4]: prompt, first contender, second contender, and 1 where the first was
preferred, 0 for a tie, -1 where the second was."""

PENALTY = 1e-4
"""Weight of the squared parameters.

Far below what a single vote says; it keeps a contender that never lost, or data without ties, from
infinite parameters, and makes the strengths sum to zero.
"""

_STEPS = 100
_LONGEST = 2.0  # step of Newton's method, so that separated data do not overshoot
_NEAR = 1e-10


class Gap(NamedTuple):
    """One contender against another.

    Attributes:
        difference: of their strengths, with its 1 - alpha interval.
        p: two-sided p of "which is which does not matter", by Holm's method over all pairs.
    """

    difference: Estimate
    p: float


@dataclass(frozen=True)
class Preference:
    """The fitted model.

    Attributes:
        strengths: of each contender, on the scale of log odds, summing to zero; with intervals,
            which are infinite where a group of contenders never lost to the others.
        tie: nu; a vote between equals is a tie with chance nu / (2 + nu).
        gaps: for each pair (i, j) with i < j, i minus j.
    """

    strengths: tuple[Estimate, ...]
    tie: float
    gaps: Mapping[tuple[int, int], Gap]


def davidson(counts: Array) -> Array:
    """Fit many tables of votes at once, by Newton's method on the concave log-likelihood.

    Args:
        counts: for each table and pair (i, j) with i < j, in the order (0, 1), (0, 2), ...,
            (1, 2), ..., how often i was preferred, neither, and j, [R, pairs, 3].

    Returns:
        Strengths, which sum to zero, and the logarithm of nu, [R, contenders + 1].
    """
    pairs = counts.shape[1]
    contenders = round((1 + np.sqrt(1 + 8 * pairs)) / 2)
    # What each parameter adds to the logit of each outcome of each pair.
    design = np.zeros((pairs, 3, contenders + 1))
    for row, (i, j) in enumerate(itertools.combinations(range(contenders), 2)):
        design[row, (0, 2), i] = 0.5, -0.5
        design[row, (0, 2), j] = -0.5, 0.5
        design[row, 1, -1] = 1.0
    total = counts.sum(axis=2)
    fitted = np.zeros((len(counts), contenders + 1))
    observed = np.einsum("rpo,poc->rc", counts, design)
    for _ in range(_STEPS):
        weights = np.exp(np.einsum("rc,poc->rpo", fitted, design))
        chances = weights / weights.sum(axis=2, keepdims=True)
        means = np.einsum("rpo,poc->rpc", chances, design)
        gradient = observed - np.einsum("rp,rpc->rc", total, means) - PENALTY * fitted
        # Fisher's information: the covariance of the design under the fitted chances.
        information = (
            np.einsum("rp,rpo,poc,pod->rcd", total, chances, design, design, optimize=True)
            - np.einsum("rp,rpc,rpd->rcd", total, means, means, optimize=True)
            + PENALTY * np.eye(contenders + 1)
        )
        step = np.linalg.solve(information, gradient[..., None])[..., 0]
        largest = np.abs(step).max(axis=1, keepdims=True)
        fitted += step * np.minimum(1.0, _LONGEST / np.maximum(largest, _NEAR))
        if largest.max() < _NEAR:
            break
    return fitted


def bradley_terry(
    votes: Votes,
    contenders: int,
    *,
    alpha: float = 0.05,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Preference:
    """Estimate strengths from votes, with BCa intervals from a bootstrap over prompts.

    Args:
        votes: see `Votes`; contenders are numbered from 0.
        contenders: how many there are, at least 2.
        alpha: one minus the level.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        ValueError: there are no votes, a vote names a contender that does not exist or twice the
            same, or its result is not 1, 0 or -1.
    """
    _check(votes, contenders)
    pairs = list(itertools.combinations(range(contenders), 2))
    sums = _counts(votes, pairs)
    prompts = len(sums)

    def fit(counts: Array) -> Array:
        return davidson(counts.reshape(len(counts), len(pairs), 3))

    whole = sums.sum(axis=0)
    value = fit(whole[None])[0]
    replicates = fit(resampled_totals(sums, resamples, seed))
    jackknife = fit(whole - sums if prompts > 1 else sums)

    def distribution(weights: Array) -> Distribution:
        return Distribution(
            float(value @ weights), np.sort(replicates @ weights), jackknife @ weights
        )

    unit = np.eye(contenders + 1)
    own = [sums[:, 3 * row : 3 * row + 3] for row in range(len(pairs))]
    raw = [_swapped(counts, resamples, seed) for counts in own]
    group = _groups(whole.reshape(len(pairs), 3), pairs, contenders)

    def strength(i: int) -> Estimate:
        one = distribution(unit[i])
        known = group.max() == 0
        return Estimate(one.value, one.interval(alpha) if known else Interval(-np.inf, np.inf))

    def gap(i: int, j: int, counts: Array, p: float) -> Estimate:
        if group[i] != group[j]:
            return _across(counts, alpha)
        one = distribution(unit[i] - unit[j])
        return Estimate(one.value, agree(one.interval(alpha), p, alpha))

    return Preference(
        strengths=tuple(strength(i) for i in range(contenders)),
        tie=float(np.exp(value[-1])),
        gaps={
            pair: Gap(gap(*pair, counts, one), p)
            for pair, counts, one, p in zip(pairs, own, raw, holm(raw), strict=True)
        },
    )


def _groups(whole: Array, pairs: list[tuple[int, int]], contenders: int) -> NDArray[np.int64]:
    """Number the groups within which everybody lost to somebody, directly or by way of others.

    Args:
        whole: votes of each pair, [pairs, 3].
        pairs: the contenders of each.
        contenders: how many there are.
    """
    wins = np.zeros((contenders, contenders))
    for (i, j), (first, _, second) in zip(pairs, whole, strict=True):
        wins[i, j], wins[j, i] = first, second
    _, group = connected_components(wins, connection="strong")
    return np.asarray(group, dtype=np.int64)


def _across(counts: Array, alpha: float) -> Estimate:
    """The gap of two of whom one never beat the other, by each prompt's votes [prompts, 3]."""
    ahead = np.sign(counts[:, 0] - counts[:, 2])
    decided = int(np.abs(ahead).sum())
    if not decided:
        return Estimate(0.0, Interval(-np.inf, np.inf))
    chance = (alpha / 2) ** (1 / decided)  # all decided prompts for one side, at the interval's end
    near = float(np.log(chance / (1 - chance)))
    if ahead.sum() > 0:
        return Estimate(np.inf, Interval(near, np.inf))
    return Estimate(-np.inf, Interval(-np.inf, -near))


def _swapped(counts: Array, resamples: int, seed: int) -> float:
    """The permutation test of one pair, by each prompt's votes [prompts, 3]."""
    ones = np.ones(len(counts))
    first, second = (np.stack([counts[:, side], ones], axis=1) for side in (0, 2))
    return sign_flip_test(first, second, resamples=resamples, seed=seed)


def _check(votes: Votes, contenders: int) -> None:
    named = votes[:, 1:3]
    if (
        len(votes) == 0
        or named.min() < 0
        or named.max() >= contenders
        or (named[:, 0] == named[:, 1]).any()
        or not np.isin(votes[:, 3], (-1, 0, 1)).all()
    ):
        raise ValueError(
            f"expected votes between two of {contenders} contenders with a result of 1, 0 or -1"
        )


def _counts(votes: Votes, pairs: list[tuple[int, int]]) -> Array:
    """The votes of each prompt by pair and outcome, [prompts, pairs * 3]."""
    _, prompt = np.unique(votes[:, 0], return_inverse=True)
    number = {pair: row for row, pair in enumerate(pairs)}
    counts = np.zeros((prompt.max() + 1, len(pairs), 3))
    for row, (first, second, result) in zip(prompt, votes[:, 1:].tolist(), strict=True):
        pair = min(first, second), max(first, second)
        outcome = 1 - (result if first < second else -result)
        counts[row, number[pair], outcome] += 1
    return counts.reshape(len(counts), -1)
