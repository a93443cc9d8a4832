"""What objectives share that predict tokens: the loss, label smoothing, noise on embeddings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from leitai.models import Decoder
from leitai.training.batches import Batch, EncodedRow, collate
from leitai.training.embedding_noise import embedding_noise
from leitai.training.loss import loss_sum

if TYPE_CHECKING:
    from leitai.training.spec import AdaptSpec


def prediction_batch(rows: Sequence[EncodedRow], spec: "AdaptSpec", device: str) -> Batch:
    """Put rows into one batch; rows that get noise of their own share no tokens."""
    return collate(rows, device, share=not spec.embedding_noise)


def prediction_loss(decoder: Decoder, batch: Batch, spec: "AdaptSpec") -> Tensor:
    """Return the sum of the cross-entropies; smoothing and noise are for training alone."""
    if not decoder.training:
        return loss_sum(decoder, batch)
    if batch.lengths is None:
        return loss_sum(decoder, batch, smoothing=spec.label_smoothing)
    with embedding_noise(decoder, spec.embedding_noise, batch.lengths):
        return loss_sum(decoder, batch, smoothing=spec.label_smoothing)
