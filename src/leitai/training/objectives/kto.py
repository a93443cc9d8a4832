"""Learning from votes on single answers: KTO."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leitai.base import LeitaiError
from leitai.data.rows import Row
from leitai.models import Decoder
from leitai.training.batches import EncodedRow, Floats, Ints
from leitai.training.objectives import specs
from leitai.training.objectives.interface import Counted, Objective, Texts
from leitai.training.objectives.sequences import (
    Answers,
    encode_answers,
    plant_answers,
    reference_logprobs,
    rejected_row,
)
from leitai.training.ranks.alone import Ranks


@dataclass(frozen=True, slots=True)
class Vote:
    """An answer and whether it is one to give.

    Attributes:
        row: prompt and answer.
        other: the same prompt with another row's answer, to estimate how far the model has moved.
        desirable: the vote.
        reference: log-probabilities of the two before training, [2].
    """

    row: EncodedRow
    other: EncodedRow
    desirable: bool
    reference: Floats
    answer_bytes: int = 0

    @property
    def source(self) -> str:
        """See `Example.source`."""
        return self.row.source

    @property
    def sequences(self) -> tuple[Ints, ...]:
        """See `Example.sequences`."""
        return (self.row.ids,)

    @property
    def length(self) -> int:
        """See `Example.length`."""
        return self.row.length

    @property
    def predictions(self) -> int:
        """See `Example.predictions`."""
        return len(self.row.targets)

    @property
    def content(self) -> tuple[NDArray[np.generic], ...]:
        """See `Example.content`."""
        return *self.row.content, *self.other.content, np.array([self.desirable])


@dataclass(frozen=True, slots=True)
class VoteBatch:
    """Votes as a forest.

    Attributes:
        answers: what is voted on, [S].
        others: the prompts with other rows' answers, [S].
        reference: log-probabilities before training, [2, S]: of `answers`, of `others`.
        desirable: the votes, [S].
        moved: the step's estimate of KL(model, reference), set by `prepare`; a scalar.
    """

    answers: Answers
    others: Answers
    reference: Tensor
    desirable: Tensor
    moved: Tensor
    weight: float
    tokens: int
    predictions: int
    sources: tuple[str, ...]


class Votes(Objective[Vote, VoteBatch]):
    """weight (1 - sigmoid(+-beta (log p - log p0 - z))), arXiv 2402.01306 eq. 8.

    z = max(0, mean of log p(y'|x) - log p0(y'|x)) over a step's prompts x with the answers y' of
    other rows; no gradient goes through it. It is that of the whole step, so neither accumulation
    nor the number of processes changes anything. y' is fixed for each row: the answer that stands
    half the data further on. A pair of a preferred and a rejected answer counts as two votes.
    """

    def examples(self, rows: Iterable[Row], texts: Texts, *, training: bool) -> Sequence[Vote]:
        """See `Objective.examples`."""
        voted: list[tuple[Row, bool]] = []
        for row in rows:
            if row.rejected is not None:
                voted += [(replace(row, rejected=None), True), (rejected_row(row), False)]
            elif row.desirable is not None:
                voted.append((row, row.desirable))
            else:
                raise LeitaiError(
                    "no vote, which objective kto needs",
                    where=row.source,
                    remedy="give rows with prompt, completion and label, and format: vote",
                )
        answers = [row.messages[-1] for row, _ in voted]
        half = len(voted) // 2
        shifted = [*answers[half:], *answers[:half]]
        mixed = [
            replace(row, messages=(*row.messages[:-1], answer))
            for (row, _), answer in zip(voted, shifted, strict=True)
        ]
        length = self.spec.max_length
        own = encode_answers([row for row, _ in voted], texts, length)
        other = encode_answers(mixed, texts, length)
        unknown = np.zeros(2, np.float32)
        return [
            Vote(row, mixed_row, desirable, unknown)
            for row, mixed_row, (_, desirable) in zip(own, other, voted, strict=True)
        ]

    def observe(self, decoder: Decoder, examples: Sequence[Vote], cache: Path) -> Sequence[Vote]:
        """Note the reference's log-probabilities."""
        rows = [row for vote in examples for row in (vote.row, vote.other)]
        found = reference_logprobs(decoder, rows, cache).reshape(-1, 2)
        return [replace(vote, reference=two) for vote, two in zip(examples, found, strict=True)]

    def batch(self, examples: Sequence[Vote], device: str) -> VoteBatch:
        """See `Objective.batch`."""
        rows = [vote.row for vote in examples]
        reference = np.stack([vote.reference for vote in examples], axis=1)
        return VoteBatch(
            answers=plant_answers(rows, device),
            others=plant_answers([vote.other for vote in examples], device),
            reference=torch.from_numpy(reference).to(device),
            desirable=torch.tensor([vote.desirable for vote in examples], device=device),
            moved=torch.zeros((), device=device),
            weight=float(len(rows)),
            tokens=sum(row.length for row in rows),
            predictions=sum(len(row.targets) for row in rows),
            sources=tuple(row.source for row in rows),
        )

    def prepare(
        self, decoder: Decoder, batches: Sequence[Counted[VoteBatch]], ranks: Ranks
    ) -> Sequence[Counted[VoteBatch]]:
        """Estimate how far the model has moved, over the whole step."""
        with torch.no_grad():
            parts = [
                (batch.others.logprobs(decoder) - batch.reference[1]) * float(counts)
                for batch, counts in batches
            ]
        away = torch.cat(parts).double().sum().item()
        away, votes = ranks.total(away, sum(batch.weight for batch, counts in batches if counts))
        moved = parts[0].new_tensor(max(0.0, away / votes))
        return [(replace(batch, moved=moved), counts) for batch, counts in batches]

    def loss(self, decoder: Decoder, batch: VoteBatch) -> Tensor:
        """See `Objective.loss`."""
        spec = self.spec.objective
        assert isinstance(spec, specs.KTO)
        gain = batch.answers.logprobs(decoder) - batch.reference[0] - batch.moved
        sign = torch.where(batch.desirable, 1.0, -1.0)
        weight = torch.where(batch.desirable, spec.desirable_weight, spec.undesirable_weight)
        return (weight * (1 - torch.sigmoid(sign * spec.beta * gain))).sum()
