"""Masked next-token prediction in both directions: the first step from decoder to encoder."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from leitai.base import LeitaiError
from leitai.base.progress import progress
from leitai.data.rows import Row
from leitai.models import Decoder
from leitai.training.batches import Batch, EncodedRow, Ints, collate
from leitai.training.encoding import check_ids
from leitai.training.loss import loss_sum
from leitai.training.objectives import specs
from leitai.training.objectives.interface import Objective, Texts
from leitai.training.objectives.tokens import document_text


def text_ids(text: str, texts: Texts, max_length: int, source: str) -> Ints:
    """Return a plain text's ids, cut to `max_length`: exactly one BOS for Llama 3, none for Qwen.

    Raises:
        LeitaiError: the text is empty, or the tokenizer does not fit the model.
    """
    tokenizer = texts.chat.tokenizer
    ids = tokenizer.encode(text)
    if not ids:
        raise LeitaiError("an empty text", where=source, remedy="fill it in or drop the row")
    if tokenizer.bos_id is not None:
        ids = [tokenizer.bos_id, *ids]
    check_ids(ids, texts.vocab_size, source)
    return np.asarray(ids[:max_length], dtype=np.int64)


class MaskedPrediction(Objective[EncodedRow, Batch]):
    """LLM2Vec's masked next-token prediction (BehnamGhader et al., arXiv 2404.05961, section 2.2).

    Every token sees its whole text. Some tokens become the mask token, and token i is predicted
    from the hidden state at i - 1, as a decoder does. The masks follow from seed and step, those of
    validation from the seed alone; at least one token of a text is masked.
    """

    _mask = 0

    def examples(
        self, rows: Iterable[Row], texts: Texts, *, training: bool
    ) -> Sequence[EncodedRow]:
        """See `Objective.examples`."""
        mask = texts.chat.tokenizer.encode(_spec(self).mask)
        if len(mask) != 1:
            raise LeitaiError(
                f"the mask {_spec(self).mask!r} is {len(mask)} tokens, not one",
                where="adapt.objective.mask",
                remedy='use a text of one token, such as "_"',
            )
        self._mask = mask[0]
        found: list[EncodedRow] = []
        rows = list(rows)
        with progress(texts.title, len(rows)) as tick:
            for number, row in enumerate(rows, 1):
                ids = text_ids(document_text(row), texts, self.spec.max_length, row.source)
                if len(ids) < 2:
                    continue  # nothing stands before its only token to predict it from
                ones = np.ones(len(ids) - 1)
                targets = np.arange(1, len(ids))
                found.append(
                    EncodedRow(
                        ids=ids,
                        targets=targets,
                        labels=ids[targets],
                        weights=ones.astype(np.float32),
                        answer=ones.astype(bool),
                        source=row.source,
                    )
                )
                tick(number)
        return found

    def vary(
        self, examples: Sequence[EncodedRow], draws: np.random.Generator, *, training: bool
    ) -> Sequence[EncodedRow]:
        """Mask tokens."""
        return [self._masked(row, draws.random(len(row.targets))) for row in examples]

    def _masked(self, row: EncodedRow, chance: np.ndarray) -> EncodedRow:
        chosen = chance < max(_spec(self).probability, chance.min() + 1e-12)
        ids = row.ids.copy()
        ids[row.targets[chosen]] = self._mask
        return replace(
            row,
            ids=ids,
            targets=row.targets[chosen],
            labels=row.labels[chosen],
            weights=row.weights[chosen],
            answer=row.answer[chosen],
        )

    def batch(self, examples: Sequence[EncodedRow], device: str) -> Batch:
        """See `Objective.batch`."""
        return collate(examples, device, share=False, causal=False)

    def loss(self, decoder: Decoder, batch: Batch) -> Tensor:
        """See `Objective.loss`."""
        return loss_sum(decoder, batch)


def _spec(objective: MaskedPrediction) -> specs.Masked:
    spec = objective.spec.objective
    assert isinstance(spec, specs.Masked)
    return spec
