"""Instruction tuning: cross-entropy at the tokens of the assistant's answers."""

from collections.abc import Iterable, Sequence

import numpy as np
from torch import Tensor

from leitai.base import LeitaiError
from leitai.data.rows import Row
from leitai.models import Decoder
from leitai.training.batches import Batch, EncodedRow
from leitai.training.encoding import encode_rows
from leitai.training.noise import Noise
from leitai.training.objectives.interface import Objective, Texts
from leitai.training.objectives.prediction import prediction_batch, prediction_loss


class InstructionTuning(Objective[EncodedRow, Batch]):
    """The assistant's answers are the targets, all turns or the last (`AdaptSpec.turns`).

    Prompt tokens count with `AdaptSpec.prompt_weight` while training, and not in validation, so
    that validation losses can be compared.
    """

    _noise: Noise | None = None

    def examples(
        self, rows: Iterable[Row], texts: Texts, *, training: bool
    ) -> Sequence[EncodedRow]:
        """See `Objective.examples`."""
        rows = list(rows)
        for row in rows:
            if row.desirable is False:
                raise LeitaiError(
                    "an answer to avoid, which objective instruction would imitate",
                    where=row.source,
                    remedy="use objective kto, or drop the row",
                )
        what = "training" if training else "validation"
        encoded = encode_rows(
            rows,
            texts,
            max_length=self.spec.max_length,
            turns=self.spec.turns,
            prompt_weight=self.spec.prompt_weight if training else 0.0,
            title=f"{texts.title}: {what} rows",
        )
        if training and self.spec.noise:
            special = frozenset(texts.chat.tokenizer.control.values())
            self._noise = Noise.over(self.spec.noise, encoded, special)
        return encoded

    def vary(
        self, examples: Sequence[EncodedRow], draws: np.random.Generator, *, training: bool
    ) -> Sequence[EncodedRow]:
        """Put noise on the prompts of training rows."""
        if self._noise is None or not training:
            return examples
        return [self._noise(row, draws) for row in examples]

    def batch(self, examples: Sequence[EncodedRow], device: str) -> Batch:
        """See `Objective.batch`."""
        return prediction_batch(examples, self.spec, device)

    def loss(self, decoder: Decoder, batch: Batch) -> Tensor:
        """See `Objective.loss`."""
        return prediction_loss(decoder, batch, self.spec)
