"""The loss of rows of logits and its slope, in one pass over each row."""

from ctypes import c_int, c_int64, c_void_p
from functools import cache
from typing import Any

import torch
from torch import Tensor

from leitai.kernels.build import entry, library

_ARGUMENTS: list[Any] = [*[c_void_p] * 4, c_int64, c_int64, c_int, c_int]


@cache
def _kernel() -> Any:
    return entry("softmax_slope_bf16", _ARGUMENTS)


def softmax_slope(
    logits: Tensor, targets: Tensor, weights: Tensor, *, wanted: bool
) -> tuple[Tensor, Tensor | None]:
    """Return weights * (logsumexp(logits) - logits[target]) by row, and its slope by logit.

    The slope is weights * (softmax - one-hot). bfloat16 logits on the CPU go through a native
    kernel, everything else through the formula, in float32 or wider.

    Args:
        logits: [P, V]; written over.
        targets: ids, [P].
        weights: [P], float32 or wider.
        wanted: whether the slope is.

    Returns:
        The losses [P], and the slope [P, V] or None.
    """
    if logits.dtype == torch.bfloat16 and logits.device.type == "cpu" and library() is not None:
        return _native(logits, targets, weights, wanted=wanted)
    logits = logits.to(weights.dtype)
    picked = targets[:, None]
    found = logits.gather(1, picked)[:, 0]
    total = logits.logsumexp(dim=-1)
    losses = (total - found) * weights
    if not wanted:
        return losses, None
    slope = logits.sub_(total[:, None]).exp_()
    slope.scatter_add_(1, picked, slope.new_full(picked.shape, -1.0))
    return losses, slope.mul_(weights[:, None])


def _native(
    logits: Tensor, targets: Tensor, weights: Tensor, *, wanted: bool
) -> tuple[Tensor, Tensor | None]:
    logits, targets, weights = logits.contiguous(), targets.contiguous(), weights.contiguous()
    losses = torch.empty_like(weights)
    _kernel()(
        logits.data_ptr(),
        targets.data_ptr(),
        weights.data_ptr(),
        losses.data_ptr(),
        *logits.shape,
        wanted,
        torch.get_num_threads(),
    )
    return losses, logits if wanted else None
