"""Attention at decoding: a new token looks at all keys of its row, in one piece or in blocks.

`scaled_dot_product_attention` gives the same; its dispatch and its tiles, meant for many queries,
take longer than the work of a few hundred keys.
"""

from ctypes import c_float, c_int, c_int64, c_void_p
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from leitai.kernels.build import entry, library

_TRIPLE = c_int64 * 3


def attends_once(q: Tensor, k: Tensor, v: Tensor) -> bool:
    """Whether the kernel takes these: one bfloat16 query a row on the CPU, without gradients."""
    return (
        q.shape[2] == 1
        and q.dtype == k.dtype == v.dtype == torch.bfloat16
        and q.device.type == "cpu"
        and k.shape[2] > 0
        and k.stride(3) == v.stride(3) == 1
        and not torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and library() is not None
    )


def attend_once(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attend; scores and weights stay in float.

    Args:
        q: [B, H, 1, D].
        k: [B, H_kv, S, D]; each of its heads serves H / H_kv consecutive query heads.
        v: [B, H_kv, S, D].

    Returns:
        [B, H, 1, D], contiguous.
    """
    rows, heads, length, size = k.shape
    q = q.contiguous()
    out = torch.empty_like(q)
    _function("attend_once")(
        q.data_ptr(),
        k.data_ptr(),
        v.data_ptr(),
        out.data_ptr(),
        rows,
        heads,
        q.shape[1] // heads,
        length,
        size,
        _TRIPLE(*k.stride()[:3]),
        _TRIPLE(*v.stride()[:3]),
        size**-0.5,
        min(rows * heads, torch.get_num_threads()),
    )
    return out


@dataclass(frozen=True, slots=True)
class Blocks:
    """Which blocks of a pool each query attends to.

    Attributes:
        table: block numbers, int64, those of a query one after the other.
        first: where in `table` each query's begin, [N] int64.
        lengths: how many keys each query sees, from its first block on; at least 1, [N] int64.
    """

    table: Tensor
    first: Tensor
    lengths: Tensor


def attends_blocks(keys: Tensor) -> bool:
    """Whether `attend_blocks` takes keys and values of this kind: bfloat16 on the CPU."""
    return keys.dtype == torch.bfloat16 and keys.device.type == "cpu" and library() is not None


def attend_blocks(q: Tensor, keys: Tensor, values: Tensor, blocks: Blocks) -> tuple[Tensor, Tensor]:
    """Attend to keys and values where they are in a pool, without gradients.

    Args:
        q: [N, H, D].
        keys: [blocks, slots, H_kv, D], contiguous; each head serves H / H_kv query heads.
        values: the same shape.
        blocks: which of them each query sees.

    Returns:
        The result [N, H, D], and the logarithm of each softmax's denominator [N, H], float32.
    """
    _, slots, heads, size = keys.shape
    q = q.contiguous()
    out = torch.empty(q.shape, dtype=torch.float32)
    lse = torch.empty(q.shape[:2], dtype=torch.float32)
    _function("attend_blocks")(
        *(tensor.data_ptr() for tensor in (q, keys, values, out, lse)),
        *(tensor.data_ptr() for tensor in (blocks.table, blocks.first, blocks.lengths)),
        len(q),
        heads,
        q.shape[1] // heads,
        size,
        slots,
        size**-0.5,
        min(len(q) * heads, torch.get_num_threads()),
    )
    return out, lse


_ARGUMENTS: dict[str, list[Any]] = {
    "attend_once": [*[c_void_p] * 4, *[c_int64] * 5, c_void_p, c_void_p, c_float, c_int],
    "attend_blocks": [*[c_void_p] * 8, *[c_int64] * 5, c_float, c_int],
}


@cache
def _function(name: str) -> Any:
    return entry(name, _ARGUMENTS[name])
