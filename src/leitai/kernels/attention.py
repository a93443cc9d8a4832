"""Attention at decoding: one new token a row looks at all keys of its row.

`scaled_dot_product_attention` gives the same; its dispatch and its tiles, meant for many queries,
take longer than the work of a few hundred keys.
"""

from ctypes import c_float, c_int, c_int64, c_void_p
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
    _function()(
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


@cache
def _function() -> Any:
    arguments = [*[c_void_p] * 4, *[c_int64] * 5, c_void_p, c_void_p, c_float, c_int]
    return entry("attend_once", arguments)
