"""Cross-entropy at the targets alone; the large matrix of logits is never whole in memory."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from leitai.models import Decoder
from leitai.training.batches import Batch

CHUNK_BYTES = 128 << 20  # of logits at a time


def _rows_per_chunk(decoder: Decoder) -> int:
    return max(1, CHUNK_BYTES // (4 * decoder.config.vocab_size))


def _chunks(decoder: Decoder, hidden: Tensor, batch: Batch) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (hidden rows, their summed and weighted loss) for each chunk of targets."""
    size = _rows_per_chunk(decoder)
    for start in range(0, len(batch.targets), size):
        part = slice(start, start + size)
        rows = hidden[part]
        if torch.is_grad_enabled() and len(batch.targets) > size:
            rows = rows.detach().requires_grad_()
        logits = decoder.logits(rows).float()
        if batch.weights is None:
            yield rows, cross_entropy(logits, batch.targets[part], reduction="sum")
        else:
            losses = cross_entropy(logits, batch.targets[part], reduction="none")
            yield rows, losses @ batch.weights[part]


def _target_rows(decoder: Decoder, batch: Batch) -> Tensor:
    """Return the hidden rows that predict the targets, [N, hidden]."""
    hidden: Tensor = decoder(batch.ids)
    return hidden.flatten(0, 1).index_select(0, batch.places)


def loss_sum(decoder: Decoder, batch: Batch) -> Tensor:
    """Return the weighted sum of the targets' losses in nats, without gradient."""
    with torch.no_grad():
        hidden = _target_rows(decoder, batch)
        return torch.stack([loss for _, loss in _chunks(decoder, hidden, batch)]).sum()


def backward(decoder: Decoder, batch: Batch, scale: float) -> Tensor:
    """Add the gradient of `scale` times the batch's summed loss to the parameters' gradients.

    Divided by the targets' weight of the whole step (`scale` is its inverse), batches of any size
    add up to the same gradient. Each chunk of logits is turned into the gradient of its hidden rows
    before the next is computed; the trunk is walked back once.

    Returns:
        The summed loss in nats, not scaled.
    """
    hidden = _target_rows(decoder, batch)
    if len(batch.targets) <= _rows_per_chunk(decoder):
        [(_, loss)] = _chunks(decoder, hidden, batch)
        torch.autograd.backward(loss * scale)
        return loss.detach()
    losses: list[Tensor] = []
    gradients: list[Tensor] = []
    for rows, loss in _chunks(decoder, hidden, batch):
        torch.autograd.backward(loss * scale)
        losses.append(loss.detach())
        assert rows.grad is not None  # the chunk's rows are a leaf
        gradients.append(rows.grad)
    torch.autograd.backward(hidden, torch.cat(gradients))
    return torch.stack(losses).sum()
