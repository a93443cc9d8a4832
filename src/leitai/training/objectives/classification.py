"""Classification by a head of its own: a label from the last token's hidden state."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from leitai.base import LeitaiError
from leitai.data.rows import Row
from leitai.forest import ForestScope, plant
from leitai.models import Decoder, put_score
from leitai.training.batches import Ints
from leitai.training.encoding import check_ids
from leitai.training.objectives.interface import Objective, Texts


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A prompt and its label.

    Attributes:
        ids: token ids, [T].
        label: index of the label.
        source: where it stands.
    """

    ids: Ints
    label: int
    source: str
    answer_bytes: int = 0

    @property
    def sequences(self) -> tuple[Ints, ...]:
        """See `Example.sequences`."""
        return (self.ids,)

    @property
    def length(self) -> int:
        """See `Example.length`."""
        return len(self.ids)

    @property
    def predictions(self) -> int:
        """See `Example.predictions`."""
        return 1

    @property
    def content(self) -> tuple[NDArray[np.generic], ...]:
        """See `Example.content`."""
        return self.ids, np.array([self.label])


@dataclass(frozen=True, slots=True)
class LabelBatch:
    """Prompts as a forest.

    Attributes:
        ids: unique tokens, [1, N].
        scope: what attends to what.
        places: of each prompt's last token, [S].
        labels: [S].
    """

    ids: Tensor
    scope: ForestScope
    places: Tensor
    labels: Tensor
    weight: float
    tokens: int
    predictions: int
    sources: tuple[str, ...]


class Classification(Objective[LabelledText, LabelBatch]):
    """Cross-entropy over labels, of `score` times the last prompt token's hidden state.

    The same architecture as transformers' ``*ForSequenceClassification``. A prompt is what the
    assistant would be asked, up to where it would answer. Labels are those of the training rows in
    alphabetical order, or those of a base that is a classifier already.
    """

    labels: tuple[str, ...] = ()

    def examples(
        self, rows: Iterable[Row], texts: Texts, *, training: bool
    ) -> Sequence[LabelledText]:
        """See `Objective.examples`."""
        rows = list(rows)
        for row in rows:
            if row.label is None:
                raise LeitaiError(
                    "no label, which objective classification needs",
                    where=row.source,
                    remedy="use a table of texts and labels, or set columns.label",
                )
        if training:
            self.labels = tuple(sorted({str(row.label) for row in rows}))
        index = {label: number for number, label in enumerate(self.labels)}
        found = []
        for row in rows:
            if row.label not in index:
                raise LeitaiError(
                    f'the label "{row.label}" is in no training row',
                    where=row.source,
                    remedy="train on every label, or drop the row",
                )
            ids = texts.chat.encode_prompt(
                row.messages[:-1], tools=row.tools, date=texts.date, thinking=texts.thinking
            )
            if len(ids) > self.spec.max_length:
                raise LeitaiError(
                    f"{len(ids):,} tokens, more than max_length = {self.spec.max_length:,}",
                    where=row.source,
                    remedy="raise max_length, or shorten or drop the row",
                )
            check_ids(ids, texts.vocab_size, row.source)
            found.append(LabelledText(np.asarray(ids, np.int64), index[row.label], row.source))
        return found

    def attach(self, decoder: Decoder, seed: int) -> None:
        """Put the head in, unless the base has one for the same labels."""
        config = decoder.config
        if config.labels and config.labels != self.labels:
            raise LeitaiError(
                f"the model tells {len(config.labels)} labels apart, the data has others",
                remedy="use the labels of the model, or a base without a classification head",
            )
        if not config.labels:
            generator = torch.Generator().manual_seed(seed)
            weight = torch.empty(len(self.labels), config.hidden_size)
            weight.normal_(0.0, config.initializer_range, generator=generator)
            put_score(decoder, self.labels, weight)
        assert decoder.score is not None
        decoder.score.requires_grad_(True)

    def batch(self, examples: Sequence[LabelledText], device: str) -> LabelBatch:
        """See `Objective.batch`."""
        forest = plant([example.ids for example in examples])
        places = [int(forest.places(i)[-1]) for i in range(len(examples))]
        return LabelBatch(
            ids=torch.from_numpy(forest.ids)[None].to(device),
            scope=ForestScope(forest),
            places=torch.tensor(places, device=device),
            labels=torch.tensor([example.label for example in examples], device=device),
            weight=float(len(examples)),
            tokens=sum(example.length for example in examples),
            predictions=len(examples),
            sources=tuple(example.source for example in examples),
        )

    def loss(self, decoder: Decoder, batch: LabelBatch) -> Tensor:
        """See `Objective.loss`."""
        hidden: Tensor = decoder(batch.ids, scope=batch.scope, places=batch.places)
        logits = decoder.logits(hidden[0]).float()
        return cross_entropy(logits, batch.labels, reduction="sum")
