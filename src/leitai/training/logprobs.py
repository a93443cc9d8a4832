"""Log-probabilities of given tokens, differentiable, without the whole matrix of logits."""

from typing import Any

import torch
from torch import Tensor

from leitai.training import loss


def token_logprobs(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    """Return log softmax(hidden @ head.T)[p, targets[p]] for each p, [P] in float32.

    For losses that are no weighted sum of them (`cross_entropy` is for those). The logits exist a
    chunk at a time, once forwards and once again backwards.

    Args:
        hidden: rows after the final norm, [P, D].
        head: the output projection, [V, D].
        targets: ids, [P].
    """
    found: Tensor = _TokenLogprobs.apply(hidden, head, targets)  # type: ignore[no-untyped-call]
    return found


def _chunks(head: Tensor, count: int) -> list[slice]:
    size = max(1, loss.CHUNK_BYTES // (4 * len(head)))
    return [slice(start, start + size) for start in range(0, count, size)]


class _TokenLogprobs(torch.autograd.Function):
    """Keeps the softmax's denominators and computes the probabilities anew backwards."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
        wide = torch.promote_types(hidden.dtype, torch.float32)
        found, totals = (torch.empty(len(targets), dtype=wide, device=hidden.device) for _ in "ab")
        for part in _chunks(head, len(targets)):
            logits = (hidden[part] @ head.T).to(wide)
            totals[part] = logits.logsumexp(dim=-1)
            found[part] = logits.gather(1, targets[part, None])[:, 0] - totals[part]
        ctx.save_for_backward(hidden, head, targets, totals)
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        hidden, head, targets, totals = ctx.saved_tensors
        (grad,) = gradients
        into_hidden, into_head = ctx.needs_input_grad[:2]
        grad_hidden = torch.empty_like(hidden) if into_hidden else None
        grad_head = torch.zeros_like(head) if into_head else None
        for part in _chunks(head, len(targets)):
            rows, picked = hidden[part], targets[part, None]
            logits = (rows @ head.T).to(totals.dtype)
            # d log p / d logits = one-hot - softmax, written over the logits
            slope = logits.sub_(totals[part, None]).exp_()
            slope.scatter_add_(1, picked, slope.new_full(picked.shape, -1.0))
            slope = slope.mul_(-grad[part, None]).to(rows.dtype)
            if grad_hidden is not None:
                torch.mm(slope, head, out=grad_hidden[part])
            if grad_head is not None:
                grad_head.addmm_(slope.T, rows)
        return grad_hidden, grad_head, None
