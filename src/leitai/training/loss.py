"""Cross-entropy at the targets alone; the large matrix of logits is never whole in memory."""

from typing import Any

import torch
from torch import Tensor

from leitai.kernels import softmax_slope
from leitai.models import Decoder
from leitai.training.batches import Batch

CHUNK_BYTES = 128 << 20  # of float32 logits at a time


def loss_sum(decoder: Decoder, batch: Batch, *, smoothing: float = 0.0) -> Tensor:
    """Return the sum of the batch's losses, each times its weight, in nats.

    With gradients switched on, its `backward()` reaches everything that is trained. Divided by the
    targets' weight of the whole step, batches of any size add up to the same gradient.

    Args:
        decoder: what is trained.
        batch: what is predicted.
        smoothing: see `cross_entropy`.
    """
    hidden: Tensor = decoder(batch.ids, scope=batch.scope, places=batch.places)
    return cross_entropy(hidden[0], decoder.head_weight, batch.targets, batch.weights, smoothing)


def cross_entropy(
    hidden: Tensor, head: Tensor, targets: Tensor, weights: Tensor, smoothing: float = 0.0
) -> Tensor:
    """Return sum_p weights[p] * (logsumexp(logits[p]) - logits[p, targets[p]]), in float32.

    With smoothing e, the target's share is 1 - e, and e goes to the whole vocabulary alike (Szegedy
    et al., arXiv 1512.00567, section 7).

    The logits `hidden @ head.T` exist a chunk at a time, and so do their gradients: each chunk is
    turned into the gradient of its rows (and of the head, where that is trained) as soon as it is
    there, as in Liger Kernel's fused linear cross-entropy (arXiv 2410.10989).

    Args:
        hidden: rows after the final norm, [P, D].
        head: the output projection, [V, D].
        targets: ids, [P].
        weights: float32, [P].
        smoothing: share of the probability that is spread over the vocabulary.
    """
    loss: Tensor = _FusedCrossEntropy.apply(hidden, head, targets, weights, smoothing)  # type: ignore[no-untyped-call]
    return loss


class _FusedCrossEntropy(torch.autograd.Function):
    """Computes its gradients on the way forwards, for a loss of which only a multiple is used."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, weights: Tensor, smoothing: float
    ) -> Tensor:
        into_hidden, into_head = ctx.needs_input_grad[:2]
        grad_hidden = torch.empty_like(hidden) if into_hidden else None
        grad_head = torch.zeros_like(head) if into_head else None
        wanted = into_hidden or into_head
        wide = torch.promote_types(hidden.dtype, torch.float32)
        size = max(1, CHUNK_BYTES // (4 * len(head)))
        losses = []
        for start in range(0, len(targets), size):
            part = slice(start, start + size)
            rows, weight = hidden[part], weights[part].to(wide)
            logits = rows @ head.T
            picked, spread = targets[part, None], weight * smoothing
            if smoothing:  # before the logits are written over
                above = logits.gather(1, picked)[:, 0] - logits.mean(dim=-1)
                losses.append((spread * above).sum())
            found, slope = softmax_slope(logits, targets[part], weight, wanted=wanted)
            losses.append(found.sum())
            if slope is None:
                continue
            if smoothing:
                slope.scatter_add_(1, picked, spread[:, None].to(slope.dtype))
                slope.sub_((spread / slope.shape[1])[:, None].to(slope.dtype))
            slope = slope.to(hidden.dtype)
            if grad_hidden is not None:
                torch.mm(slope, head, out=grad_hidden[part])
            if grad_head is not None:
                grad_head.addmm_(slope.T, rows)
        ctx.save_for_backward(grad_hidden, grad_head)
        return torch.stack(losses).sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (scale,) = gradients
        parts = [None if g is None else g.mul_(scale.to(g.dtype)) for g in ctx.saved_tensors]
        return parts[0], parts[1], None, None, None
