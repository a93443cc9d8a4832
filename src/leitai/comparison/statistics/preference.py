"""Votes between answers: how strong each contender is, from who was preferred to whom.

Davidson's extension of the Bradley-Terry model to ties: with strengths s on the logarithmic scale,

    i preferred : tie : j preferred  =  exp((s_i - s_j) / 2) : nu : exp((s_j - s_i) / 2)

so that without ties the odds of i over j are exp(s_i - s_j), and each vote on the same pair has the
same chance of a tie the closer the two are. Bradley and Terry, "Rank analysis of incomplete block
designs", Biometrika 39, 1952; Davidson, "On extending the Bradley-Terry model to accommodate ties
in paired comparison experiments", JASA 65, 1970.

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
        strengths: of each contender, on the scale of log odds, summing to zero; with intervals.
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
    strengths = [distribution(unit[i]) for i in range(contenders)]
    gaps = [distribution(unit[i] - unit[j]) for i, j in pairs]
    raw = [_swapped(sums[:, 3 * row : 3 * row + 3], resamples, seed) for row in range(len(pairs))]
    return Preference(
        strengths=tuple(Estimate(one.value, one.interval(alpha)) for one in strengths),
        tie=float(np.exp(value[-1])),
        gaps={
            pair: Gap(Estimate(gap.value, agree(gap.interval(alpha), one, alpha)), p)
            for pair, gap, one, p in zip(pairs, gaps, raw, holm(raw), strict=True)
        },
    )


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
