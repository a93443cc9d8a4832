"""Recommenders without language: what a language model has to beat.

All learn from training rows alone and score items from a history alone: popularity, item
neighbourhoods, and EASE, a linear model with a closed form.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from leitai.base.errors import LeitaiError
from leitai.data import Row
from leitai.evaluation.asking import reference_of
from leitai.evaluation.respondents.interface import Ability, Measured, Weighed, Written

Matrix = NDArray[np.float64]

SHRINKAGE = 10.0
"""Added to the norms in ItemKNN, so that pairs seen once do not look certain."""

PENALTY = 20.0
"""EASE's lambda."""

_UNSEEN = -1e9  # score of a title that no training row has; finite, so that differences exist


def popularity(interactions: Matrix) -> Matrix:
    """Return item-to-item weights under which every history scores items by how many have them.

    Args:
        interactions: [users, items], 1 where a user has an item.

    Returns:
        [items, items]; all rows equal.
    """
    counts = interactions.sum(axis=0)
    return np.tile(counts, (interactions.shape[1], 1))


def item_knn(interactions: Matrix, shrinkage: float = SHRINKAGE) -> Matrix:
    """Return the cosine between items, shrunk for rare ones (Sarwar et al., 2001).

    ``w_ij = |U_i and U_j| / (sqrt(|U_i| |U_j|) + shrinkage)``, and 0 on the diagonal.

    Args:
        interactions: [users, items], 1 where a user has an item.
        shrinkage: 0 is the plain cosine.

    Returns:
        [items, items], symmetric.
    """
    together = interactions.T @ interactions
    norms = np.sqrt(np.diag(together))
    bottom = np.outer(norms, norms) + shrinkage
    weights = np.divide(together, bottom, out=np.zeros_like(together), where=bottom > 0)
    np.fill_diagonal(weights, 0.0)
    return weights


def ease(interactions: Matrix, penalty: float = PENALTY) -> Matrix:
    """Return the weights of EASE (Steck, 2019, equation 8).

    They minimise ``|X - X B|^2 + penalty |B|^2`` with a zero diagonal; with ``P = (X'X + penalty
    I)^-1``, ``B_ij = -P_ij / P_jj`` for i other than j.

    Args:
        interactions: [users, items], 1 where a user has an item.
        penalty: above 0.

    Returns:
        [items, items], not symmetric.
    """
    gram = interactions.T @ interactions
    gram[np.diag_indices_from(gram)] += penalty
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights, dtype=np.float64)


RECOMMENDERS = MappingProxyType({"popularity": popularity, "item_knn": item_knn, "ease": ease})
"""Item-to-item weights from interactions, by name."""


class _Learn(Protocol):
    def __call__(self, interactions: Matrix) -> Matrix: ...


class Recommender:
    """A respondent that chooses items by the history among a row's facts."""

    abilities: frozenset[Ability] = frozenset({"choose", "write"})

    def __init__(self, training: Sequence[Row], learn: _Learn = ease) -> None:
        """Fit to the histories of the training rows, their answers included.

        Languages are told apart by their titles, so rows of both can be given at once.

        Args:
            training: rows with ``history`` among their facts; others are passed over.
            learn: one of `RECOMMENDERS`.

        Raises:
            LeitaiError: no row has a history.
        """
        if not training:
            raise LeitaiError(
                "a recommender needs training rows", remedy="name a source in train_on"
            )
        told = [row for row in training if "history" in row.facts]
        if not told:
            raise LeitaiError(
                "no training row has a history",
                where=training[0].source,
                remedy="name a recommendation view in train_on, or leave the recommender out",
            )
        baskets = [{*_history(row), _title(row)} for row in told]
        self._place = {title: n for n, title in enumerate(sorted(set().union(*baskets)))}
        interactions = np.zeros((len(baskets), len(self._place)))
        for user, basket in enumerate(baskets):
            interactions[user, [self._place[title] for title in basket]] = 1.0
        self._weights = learn(interactions)
        self._titles = list(self._place)

    def scores(self, row: Row) -> Mapping[str, float]:
        """Return every known title's score after a row's history."""
        known = [self._place[title] for title in _history(row) if title in self._place]
        # with no known item, the mean history: all weights alike
        total = (self._weights[known] if known else self._weights).sum(axis=0)
        return dict(zip(self._titles, total.tolist(), strict=True))

    def choose(self, rows: Sequence[Row], choices: Sequence[Sequence[str]]) -> list[Weighed]:
        """Weigh titles by their scores, which are no probabilities; unknown ones come last."""
        return [
            Weighed(tuple(scores.get(title, _UNSEEN) for title in offered))
            for scores, offered in zip(map(self.scores, rows), choices, strict=True)
        ]

    def write(self, rows: Sequence[Row], max_characters: int) -> list[Written]:
        """Write the best title that the history does not have."""
        written = []
        for row in rows:
            scores, had = self.scores(row), set(_history(row))
            new = [title for title in self._titles if title not in had] or self._titles
            best = max(new, key=lambda title: scores[title])
            written.append(Written(best[:max_characters]))
        return written

    def measure(self, rows: Sequence[Row]) -> list[Measured]:
        """Refuse: a recommender has no words.

        Raises:
            LeitaiError: always.
        """
        raise LeitaiError("a recommender cannot measure a text", remedy="leave it out")

    def read(self, texts: Sequence[str]) -> list[Measured]:
        """Refuse, as `measure`.

        Raises:
            LeitaiError: always.
        """
        return self.measure([])


def _history(row: Row) -> list[str]:
    if "history" not in row.facts:
        raise LeitaiError(
            "a row without a history", where=row.source, remedy="use a recommendation view"
        )
    return list(row.facts["history"])


def _title(row: Row) -> str:
    return reference_of(row).split("\n", 1)[0]
