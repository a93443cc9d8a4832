"""Contrastive learning of text embeddings: SimCSE, with or without pairs."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout

from leitai.base import LeitaiError
from leitai.data.rows import Row
from leitai.models import Decoder
from leitai.models.pooling import PackedTexts, pack_texts
from leitai.training.batches import Ints
from leitai.training.objectives import specs
from leitai.training.objectives.interface import Counted, Objective, Texts
from leitai.training.objectives.masked import text_ids
from leitai.training.objectives.tokens import document_text
from leitai.training.ranks.alone import Ranks


@dataclass(frozen=True, slots=True)
class TextPair:
    """Two texts whose embeddings should be close; the same text twice where there are no pairs."""

    text: Ints
    positive: Ints
    source: str
    answer_bytes: int = 0

    @property
    def sequences(self) -> tuple[Ints, ...]:
        """See `Example.sequences`."""
        return self.text, self.positive

    @property
    def length(self) -> int:
        """See `Example.length`."""
        return len(self.text) + len(self.positive)

    @property
    def predictions(self) -> int:
        """See `Example.predictions`."""
        return 1

    @property
    def content(self) -> tuple[NDArray[np.generic], ...]:
        """See `Example.content`."""
        return self.text, self.positive


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Pairs side by side: the texts first, then their positives.

    Attributes:
        packed: of n pairs, [2 n].
        seed: of the dropout, the same in both passes.
        value: the batch's share of the step's loss.
        slopes: gradient of the step's loss for each embedding, [2 n, hidden]; both set by
            `prepare`.
    """

    packed: PackedTexts
    weight: float
    tokens: int
    predictions: int
    sources: tuple[str, ...]
    seed: int = 0
    value: Tensor | None = None
    slopes: Tensor | None = None


class Contrastive(Objective[TextPair, PairBatch]):
    """-log exp(s(i, i) / t) / sum_j exp(s(i, j) / t), s the cosine of text i and positive j.

    Gao et al., arXiv 2104.08821, eq. 1 and 4. With `pairs`, a row's question and its last message
    are a pair; without, a row's text goes through twice with other dropout, on the embeddings and
    in the adapter.

    All pairs of a step are each other's negatives, however they are parted into batches and over
    processes: embeddings are computed once without gradient and shown to all, then the gradient for
    each is passed on batch by batch (GradCache, Gao et al., arXiv 2101.06983).
    """

    _bos: int | None = None

    def examples(self, rows: Iterable[Row], texts: Texts, *, training: bool) -> Sequence[TextPair]:
        """See `Objective.examples`."""
        spec = _spec(self)
        self._bos = texts.chat.tokenizer.bos_id
        found = []
        for row in rows:
            pair = [document_text(row)] * 2
            if spec.pairs:
                if len(row.messages) < 2:
                    raise LeitaiError(
                        "one text, where a pair is needed",
                        where=row.source,
                        remedy="give two messages a row, or set objective.pairs to false",
                    )
                asked = next((m for m in row.messages if m["role"] == "user"), row.messages[0])
                pair = [str(m.get("content") or "") for m in (asked, row.messages[-1])]
            ids = [text_ids(text, texts, self.spec.max_length, row.source) for text in pair]
            found.append(TextPair(ids[0], ids[1], row.source))
        return found

    def batch(self, examples: Sequence[TextPair], device: str) -> PairBatch:
        """See `Objective.batch`."""
        sequences = [pair.text for pair in examples] + [pair.positive for pair in examples]
        return PairBatch(
            packed=pack_texts(
                sequences, device, bidirectional=_spec(self).bidirectional, bos_id=self._bos
            ),
            weight=float(len(examples)),
            tokens=sum(map(len, sequences)),
            predictions=len(examples),
            sources=tuple(pair.source for pair in examples),
        )

    def prepare(
        self, decoder: Decoder, batches: Sequence[Counted[PairBatch]], ranks: Ranks
    ) -> Sequence[Counted[PairBatch]]:
        """Compute the step's loss and its gradient for every embedding of this process."""
        seeded = [(replace(batch, seed=_draw()), counts) for batch, counts in batches]
        sizes = [int(batch.weight) if counts else 0 for batch, counts in seeded]
        with torch.no_grad():
            leaves = [self._embed(decoder, batch).requires_grad_() for batch, _ in seeded]
        with torch.enable_grad():
            own = [
                torch.cat([leaf.chunk(2)[side][:n] for leaf, n in zip(leaves, sizes, strict=True)])
                for side in (0, 1)
            ]
            # the loss is the same in any order of the pairs, so those of others may follow
            texts, positives = (torch.cat([mine, ranks.others(mine.detach())]) for mine in own)
            losses = pair_losses(texts, positives, _spec(self).temperature)
            slopes = torch.autograd.grad(losses.sum(), leaves)
        values = torch.split(losses.detach()[: sum(sizes)], sizes)
        return [
            (replace(batch, value=value.sum(), slopes=slope), counts)
            for (batch, counts), value, slope in zip(seeded, values, slopes, strict=True)
        ]

    def loss(self, decoder: Decoder, batch: PairBatch) -> Tensor:
        """See `Objective.loss`."""
        assert batch.value is not None and batch.slopes is not None
        if not torch.is_grad_enabled():
            return batch.value
        # the value is the batch's; the gradient is what the whole step's loss has for it
        linear = (self._embed(decoder, batch) * batch.slopes).sum()
        return batch.value + (linear - linear.detach())

    def _embed(self, decoder: Decoder, batch: PairBatch) -> Tensor:
        torch.manual_seed(batch.seed)
        with _embedding_dropout(decoder, _spec(self).dropout):
            return batch.packed.embed(decoder)


def _draw() -> int:
    return int(torch.randint(1 << 62, ()))


def pair_losses(texts: Tensor, positives: Tensor, temperature: float) -> Tensor:
    """Return each text's loss, [n], from embeddings at length 1, [n, hidden] each."""
    scores = texts @ positives.T / temperature
    return cross_entropy(scores, torch.arange(len(texts), device=texts.device), reduction="none")


@contextmanager
def _embedding_dropout(decoder: Decoder, probability: float) -> Iterator[None]:
    """Drop numbers of the embeddings while training: the families' blocks have no dropout."""

    def drop(_module: nn.Module, _inputs: Any, embedded: Tensor) -> Tensor:
        return dropout(embedded, probability, training=decoder.training)

    handle = decoder.model.embed_tokens.register_forward_hook(drop)
    try:
        yield
    finally:
        handle.remove()


def _spec(objective: Contrastive) -> specs.Contrastive:
    spec = objective.spec.objective
    assert isinstance(spec, specs.Contrastive)
    return spec
