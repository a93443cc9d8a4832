"""Learning from pairs of answers of which one is preferred: DPO, ORPO, SimPO."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import logsigmoid

from leitai.base import LeitaiError
from leitai.data.rows import Row
from leitai.models import Decoder
from leitai.training.batches import EncodedRow, Floats, Ints
from leitai.training.objectives import specs
from leitai.training.objectives.interface import Objective, Texts
from leitai.training.objectives.sequences import (
    Answers,
    encode_answers,
    plant_answers,
    reference_logprobs,
    rejected_row,
)

S = TypeVar("S", specs.DPO, specs.ORPO, specs.SimPO)


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt with a better and a worse answer.

    Attributes:
        chosen: prompt and better answer.
        rejected: prompt and worse answer.
        reference: log-probabilities of the two before training, [2]; None where not needed.
    """

    chosen: EncodedRow
    rejected: EncodedRow
    reference: Floats | None = None
    answer_bytes: int = 0

    @property
    def source(self) -> str:
        """See `Example.source`."""
        return self.chosen.source

    @property
    def sequences(self) -> tuple[Ints, ...]:
        """See `Example.sequences`."""
        return self.chosen.ids, self.rejected.ids

    @property
    def length(self) -> int:
        """See `Example.length`."""
        return self.chosen.length + self.rejected.length

    @property
    def predictions(self) -> int:
        """See `Example.predictions`."""
        return len(self.chosen.targets) + len(self.rejected.targets)

    @property
    def content(self) -> tuple[NDArray[np.generic], ...]:
        """See `Example.content`."""
        return *self.chosen.content, *self.rejected.content


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Pairs as one forest: the better answers first, then the worse ones.

    Attributes:
        answers: of n pairs, [2 n].
        reference: their log-probabilities before training, [2 n]; empty where not needed.
    """

    answers: Answers
    reference: Tensor
    weight: float
    tokens: int
    predictions: int
    sources: tuple[str, ...]


class Preference(Objective[Pair, PairBatch]):
    """Pairs of answers; what the methods differ in is `pair_losses` and the reference."""

    needs_reference = False

    def examples(self, rows: Iterable[Row], texts: Texts, *, training: bool) -> Sequence[Pair]:
        """See `Objective.examples`."""
        rows = list(rows)
        for row in rows:
            if row.rejected is None:
                raise LeitaiError(
                    f"no rejected answer, which objective {self.spec.objective.name} needs",
                    where=row.source,
                    remedy="give rows with chosen and rejected answers, and format: preference",
                )
        length = self.spec.max_length
        chosen = encode_answers(rows, texts, length)
        rejected = encode_answers([rejected_row(row) for row in rows], texts, length)
        return [Pair(*both) for both in zip(chosen, rejected, strict=True)]

    def observe(self, decoder: Decoder, examples: Sequence[Pair], cache: Path) -> Sequence[Pair]:
        """Note the reference's log-probabilities, if the method has a reference."""
        if not self.needs_reference or not examples:
            return examples
        rows = [row for pair in examples for row in (pair.chosen, pair.rejected)]
        found = reference_logprobs(decoder, rows, cache).reshape(-1, 2)
        return [replace(pair, reference=two) for pair, two in zip(examples, found, strict=True)]

    def batch(self, examples: Sequence[Pair], device: str) -> PairBatch:
        """See `Objective.batch`."""
        rows = [pair.chosen for pair in examples] + [pair.rejected for pair in examples]
        known = [pair.reference for pair in examples if pair.reference is not None]
        reference = np.stack(known, axis=1).ravel() if known else np.empty(0, np.float32)
        return PairBatch(
            answers=plant_answers(rows, device),
            reference=torch.from_numpy(reference).to(device),
            weight=float(len(examples)),
            tokens=sum(row.length for row in rows),
            predictions=sum(len(row.targets) for row in rows),
            sources=tuple(pair.source for pair in examples),
        )

    def loss(self, decoder: Decoder, batch: PairBatch) -> Tensor:
        """See `Objective.loss`."""
        return self.pair_losses(batch.answers.logprobs(decoder), batch).sum()

    @abstractmethod
    def pair_losses(self, logprobs: Tensor, batch: PairBatch) -> Tensor:
        """Return the loss of each pair, [n], from the answers' log-probabilities, [2 n]."""


class DirectPreference(Preference):
    """-log sigmoid(beta ((log p_w - log p0_w) - (log p_l - log p0_l))), arXiv 2305.18290 eq. 7.

    With label smoothing e, a pair counts as the other way round with weight e (conservative DPO).
    The reference p0 is the model before training. It is asked once for every row, before the
    method of adaptation is put in, so it is the same under every method.
    """

    needs_reference = True

    def pair_losses(self, logprobs: Tensor, batch: PairBatch) -> Tensor:
        """See `Preference.pair_losses`."""
        spec = _spec(self, specs.DPO)
        better, worse = (logprobs - batch.reference).chunk(2)
        margin = spec.beta * (better - worse)
        wrong = spec.label_smoothing
        return -(1 - wrong) * logsigmoid(margin) - wrong * logsigmoid(-margin)


class OddsRatioPreference(Preference):
    """-m_w - weight log sigmoid(log odds(m_w) - log odds(m_l)), arXiv 2403.07691 eq. 6 and 7.

    m is an answer's mean log-probability a token, odds(m) = exp(m) / (1 - exp(m)).
    """

    def pair_losses(self, logprobs: Tensor, batch: PairBatch) -> Tensor:
        """See `Preference.pair_losses`."""
        means = logprobs / batch.answers.lengths
        better, worse = (means - _log1mexp(means)).chunk(2)
        imitation = -means[: len(better)]
        return imitation - _spec(self, specs.ORPO).weight * logsigmoid(better - worse)


class SimplePreference(Preference):
    """-log sigmoid(beta (m_w - m_l) - gamma), arXiv 2405.14734 eq. 6; m as in ORPO."""

    def pair_losses(self, logprobs: Tensor, batch: PairBatch) -> Tensor:
        """See `Preference.pair_losses`."""
        spec = _spec(self, specs.SimPO)
        better, worse = (logprobs / batch.answers.lengths).chunk(2)
        return -logsigmoid(spec.beta * (better - worse) - spec.gamma)


def _spec(objective: Objective[Any, Any], kind: type[S]) -> S:
    found = objective.spec.objective
    assert isinstance(found, kind)
    return found


def _log1mexp(x: Tensor) -> Tensor:
    """Return log(1 - exp(x)) for x < 0, exact near 0 and far from it (Mächler 2012)."""
    near = x > -0.6931472
    # each branch gets arguments that keep the other's gradient finite
    low, high = torch.where(near, -1.0, x), torch.where(near, x, -1.0)
    return torch.where(near, torch.log(-torch.expm1(high)), torch.log1p(-torch.exp(low)))
