"""Rows that keep everyone honest: what is reached without any language model.

A classifier that does not beat the most frequent label, chance, and a linear model of character
n-grams has no use, however large it is. All are made from the training rows alone.
"""

import hashlib
import math
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import log_softmax

from leitai.base.errors import LeitaiError
from leitai.data import Row
from leitai.evaluation.asking import question_and_answer
from leitai.evaluation.respondents.interface import (
    Ability,
    Measured,
    Respondent,
    Weighed,
    Written,
)
from leitai.evaluation.respondents.recommenders import RECOMMENDERS, Recommender

if TYPE_CHECKING:
    from leitai.evaluation.respondents.source import ReferenceName

_UNSEEN = math.log(1e-9)  # log-probability of a choice that no training row has
_LONGEST_NGRAM = 4
_FEATURES = 15_000  # the most frequent
_SHARED = 0.1  # of the rows; a data set may have several templates, one for each language
_PENALTY = 0.1  # of half the squared weights, beside the sum of the rows' losses
_ITERATIONS = 200
_TOLERANCE = 1e-6  # relative decrease of the loss at which fitting ends


class _Labelled:
    """A respondent that answers with labels of the training rows, each with a log-probability."""

    abilities: frozenset[Ability] = frozenset({"write", "choose"})

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)

    def logprobs(self, rows: Sequence[Row]) -> np.ndarray:
        """Return [rows, labels], natural logarithms."""
        raise NotImplementedError

    def write(self, rows: Sequence[Row], max_characters: int) -> list[Written]:
        """Write the likeliest label."""
        best = self.logprobs(rows).argmax(axis=1)
        return [Written(self.labels[number][:max_characters]) for number in best]

    def choose(self, rows: Sequence[Row], choices: Sequence[Sequence[str]]) -> list[Weighed]:
        """Weigh the choices; one that no training row has is as good as impossible."""
        number = {label: at for at, label in enumerate(self.labels)}
        return [
            Weighed(
                tuple(
                    float(found[number[choice]]) if choice in number else _UNSEEN
                    for choice in offered
                )
            )
            for found, offered in zip(self.logprobs(rows), choices, strict=True)
        ]

    def measure(self, rows: Sequence[Row]) -> list[Measured]:
        """Refuse: a label's probability is no text's.

        Raises:
            LeitaiError: always.
        """
        _refuse()

    def read(self, texts: Sequence[str]) -> list[Measured]:
        """Refuse, as `measure`.

        Raises:
            LeitaiError: always.
        """
        _refuse()


class Majority(_Labelled):
    """Answers every row alike, by how frequent the labels are in training."""

    def __init__(self, training: Sequence[Row]) -> None:
        """Count the labels.

        Raises:
            LeitaiError: no training row has a label.
        """
        counts = Counter(_labels_of(training))
        super().__init__(sorted(counts))
        shares = np.array([counts[label] for label in self.labels], dtype=np.float64)
        self._logprobs = np.log(shares / shares.sum())

    def logprobs(self, rows: Sequence[Row]) -> np.ndarray:
        """Return the labels' frequencies for every row."""
        return np.broadcast_to(self._logprobs, (len(rows), len(self.labels)))


class Random(_Labelled):
    """Answers with a label drawn evenly; the same for a row whenever it is asked."""

    def __init__(self, training: Sequence[Row], seed: int) -> None:
        """Take the labels.

        Raises:
            LeitaiError: no training row has a label.
        """
        super().__init__(sorted(set(_labels_of(training))))
        self._seed = seed

    def logprobs(self, rows: Sequence[Row]) -> np.ndarray:
        """Return log-probabilities of random order, drawn from the seed and the row's id."""
        drawn = []
        for row in rows:
            digest = hashlib.sha256(f"{self._seed} {row.id}".encode()).digest()
            generator = np.random.default_rng(int.from_bytes(digest[:8], "big"))
            drawn.append(generator.standard_normal(len(self.labels)))
        return np.asarray(log_softmax(np.array(drawn).reshape(len(rows), -1), axis=1))


class TfIdf(_Labelled):
    """Character n-grams, weighed by tf-idf, under multinomial logistic regression.

    N-grams of characters need no word segmentation, so Chinese and English go the same way. Lines
    that many training rows share are instructions, not what is to be told apart; they are left out.
    """

    def __init__(self, training: Sequence[Row]) -> None:
        """Fit to the training rows; deterministic.

        Raises:
            LeitaiError: the training rows have fewer than two labels.
        """
        labels = _labels_of(training)
        super().__init__(sorted(set(labels)))
        if len(self.labels) < 2:
            raise LeitaiError(
                "a linear model needs rows of at least two labels",
                where=training[0].source,
                remedy="leave this reference out",
            )
        labelled = [row for row in training if row.label is not None]
        self._shared = _shared_lines([text_of(row) for row in labelled])
        counts = [self._count(row) for row in labelled]
        frequency = Counter(ngram for count in counts for ngram in count)
        kept = sorted(frequency, key=lambda ngram: (-frequency[ngram], ngram))
        seen_twice = [ngram for ngram in kept if 1 < frequency[ngram] < len(counts)]
        self._columns = {ngram: at for at, ngram in enumerate(seen_twice[:_FEATURES])}
        rows = len(counts)
        self._idf = np.array([math.log(rows / frequency[ngram]) for ngram in self._columns])
        number = {label: at for at, label in enumerate(self.labels)}
        targets = np.array([number[label] for label in labels])
        self._weights, self._bias = fit_softmax(
            self._features(counts), targets, len(self.labels), _PENALTY
        )

    def logprobs(self, rows: Sequence[Row]) -> np.ndarray:
        """Return the regression's log-probabilities."""
        features = self._features([self._count(row) for row in rows])
        return np.asarray(log_softmax(features @ self._weights + self._bias, axis=1))

    def _count(self, row: Row) -> Counter[str]:
        lines = [line for line in text_of(row).splitlines() if line.strip() not in self._shared]
        return _ngrams("\n".join(lines))

    def _features(self, counts: Sequence[Counter[str]]) -> csr_matrix:
        """Return [rows, n-grams]: (1 + ln tf) * ln(N / df), each row at length 1."""
        places, columns, values = [0], [], []
        for count in counts:
            known = [(self._columns[g], n) for g, n in count.items() if g in self._columns]
            at = np.array([column for column, _ in known], dtype=np.int64)
            value = np.array([1 + math.log(n) for _, n in known]) * self._idf[at]
            columns.append(at)
            values.append(value / (np.linalg.norm(value) or 1.0))
            places.append(places[-1] + len(known))
        return csr_matrix(
            (np.concatenate(values), np.concatenate(columns), places),
            shape=(len(counts), len(self._columns)),
        )


def fit_softmax(
    features: csr_matrix, targets: np.ndarray, classes: int, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit multinomial logistic regression by L-BFGS.

    Minimises ``-sum_i ln softmax(x_i W + b)[y_i] + penalty / 2 * |W|^2``, which is convex; the bias
    is free.

    Args:
        features: [N, F].
        targets: [N], from 0 to `classes` - 1.
        classes: C.
        penalty: above 0.

    Returns:
        Weights [F, C] and bias [C].
    """
    rows, width = features.shape
    transposed = features.T.tocsr()

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = flat[classes:].reshape(width, classes), flat[:classes]
        logprobs = log_softmax(features @ weights + bias, axis=1)
        errors = np.exp(logprobs)
        errors[np.arange(rows), targets] -= 1
        gradient = np.empty_like(flat)
        gradient[:classes] = errors.sum(axis=0)
        gradient[classes:] = (transposed @ errors + penalty * weights).ravel()
        value = -logprobs[np.arange(rows), targets].sum() + penalty / 2 * (weights**2).sum()
        return float(value), gradient

    found = minimize(
        loss,
        np.zeros(classes * (width + 1)),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _ITERATIONS, "ftol": _TOLERANCE},
    )
    return found.x[classes:].reshape(width, classes), found.x[:classes]


def make_reference(name: "ReferenceName", training: Sequence[Row], seed: int) -> Respondent:
    """Return a reference respondent.

    Args:
        name: which.
        training: rows with labels, or with histories for a recommender; others are passed over.
        seed: for "random".

    Raises:
        LeitaiError: the rows have no labels, or "tfidf" finds fewer than two; or no histories.
    """
    if name in RECOMMENDERS:
        return Recommender(training, RECOMMENDERS[name])
    if name == "majority":
        return Majority(training)
    return Random(training, seed) if name == "random" else TfIdf(training)


def text_of(row: Row) -> str:
    """Return what a row's user says: what a classifier reads."""
    shown, _ = question_and_answer(row)
    said = [str(message.get("content") or "") for message in shown if message["role"] == "user"]
    return "\n".join(said)


def _shared_lines(texts: Sequence[str]) -> frozenset[str]:
    """Return the lines that stand in so many texts that no user can have said them."""
    counts = Counter(line for text in texts for line in {x.strip() for x in text.splitlines()})
    many = max(3.0, _SHARED * len(texts))
    return frozenset(line for line, n in counts.items() if n >= many)


def _ngrams(text: str) -> Counter[str]:
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    framed = f" {folded} "
    return Counter(
        framed[start : start + length]
        for length in range(1, _LONGEST_NGRAM + 1)
        for start in range(len(framed) - length + 1)
    )


def _labels_of(training: Sequence[Row]) -> list[str]:
    labels = [row.label for row in training if row.label is not None]
    if not labels:
        raise LeitaiError(
            "a reference row answers with labels, but the training rows have none",
            where=training[0].source if training else "train_on",
            remedy="name labelled rows in `train_on`, or leave the reference out",
        )
    return labels


def _refuse() -> NoReturn:
    raise LeitaiError(
        "a reference row gives labels, and no probability of a text",
        remedy="leave it out of tasks that measure bits per byte",
    )
