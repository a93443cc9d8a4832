"""One decoder block for a few tokens in two native calls, before and after attention.

A token's pass through a block is a dozen operations of a few microseconds; called one by one from
Python they cost as much as reading a small model's weights.
"""

import ctypes
from ctypes import c_float, c_int, c_int64, c_void_p
from functools import cache
from typing import Any

import torch
from torch import Tensor

from leitai.kernels.build import entry
from leitai.kernels.matvec import Matrix

_ARGUMENTS: dict[str, list[Any]] = {
    "before_attention": [*[c_void_p] * 7, c_int64, c_int],
    "after_attention": [*[c_void_p] * 4, c_int64, c_int],
}


class Block(ctypes.Structure):
    """`Block` of block.c; the tensors that it points to must outlive it."""

    _fields_ = (
        *((name, Matrix) for name in ("q", "k", "v", "o", "gate", "up", "down")),
        *((name, c_void_p) for name in ("input_norm", "post_norm", "q_norm", "k_norm")),
        ("hidden", c_int64),
        ("head_dim", c_int64),
        ("eps", c_float),
    )


def before_attention(
    block: Block, x: Tensor, cos: Tensor, sin: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise, project, normalise heads (where the family does) and rotate.

    Args:
        block: the weights.
        x: the residual stream, [count, hidden], contiguous bfloat16.
        cos: cosines of the rotation, [count, head_dim].
        sin: its sines.

    Returns:
        Queries, keys and values, [count, heads, head_dim].
    """
    count, size = x.shape[0], block.head_dim
    q = x.new_empty(count, block.q.rows // size, size)
    k = x.new_empty(count, block.k.rows // size, size)
    v = torch.empty_like(k)
    _function("before_attention")(
        ctypes.byref(block),
        x.data_ptr(),
        cos.data_ptr(),
        sin.data_ptr(),
        q.data_ptr(),
        k.data_ptr(),
        v.data_ptr(),
        count,
        torch.get_num_threads(),
    )
    return q, k, v


def after_attention(block: Block, x: Tensor, heads: Tensor) -> Tensor:
    """Project attention's result, add it to the stream, and add the feed-forward network's.

    Args:
        block: the weights.
        x: the block's input, [count, hidden], contiguous bfloat16.
        heads: attention's result, [count, heads * head_dim], contiguous.

    Returns:
        The block's output, [count, hidden].
    """
    y = torch.empty_like(x)
    _function("after_attention")(
        ctypes.byref(block),
        x.data_ptr(),
        heads.data_ptr(),
        y.data_ptr(),
        x.shape[0],
        torch.get_num_threads(),
    )
    return y


@cache
def _function(name: str) -> Any:
    return entry(name, _ARGUMENTS[name])
