"""Weights of 8 and 4 bits, and products of a matrix with few vectors.

A group of a row's weights (64 of them at 8 bits, 32 at 4) shares one bfloat16 scale: 8.25 and 4.5
bits a weight. Weights are stored as the native kernel reads them, 16 rows side by side.
"""

import ctypes
from ctypes import c_int, c_int64, c_void_p
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from leitai.kernels.build import entry, library

MOST_VECTORS = 32
"""How many vectors the native kernels take; a larger batch is a matrix product."""

GROUP = {8: 64, 4: 32}
"""Weights that share a scale, by the number of bits."""

_LANES = 16
_KIND = {16: 0, 8: 1, 4: 2}


_ARGUMENTS: dict[str, list[Any]] = {
    "matvec": [c_void_p, c_void_p, c_void_p, c_int64, c_int],
    "dequantize": [c_void_p, c_void_p, c_int64, c_int64, c_int],
}


class Matrix(ctypes.Structure):
    """`Matrix` of matvec.h; the tensors that it points to must outlive it."""

    _fields_ = (
        ("kind", c_int64),
        ("rows", c_int64),
        ("cols", c_int64),
        ("data", c_void_p),
        ("scales", c_void_p),
        ("bias", c_void_p),
    )


def describe(
    rows: int, cols: int, bits: int, data: Tensor, scales: Tensor | None, bias: Tensor | None
) -> Matrix:
    """Describe a matrix to the kernels.

    Args:
        rows: outputs.
        cols: inputs.
        bits: 16 for bfloat16 `data` [rows, cols]; 8 or 4 for what `pack` returns.
        data: the weights.
        scales: the groups' scales of quantised weights.
        bias: [rows], bfloat16.
    """
    return Matrix(
        _KIND[bits],
        rows,
        cols,
        data.data_ptr(),
        None if scales is None else scales.data_ptr(),
        None if bias is None else bias.data_ptr(),
    )


def pack(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Quantise `weight` [rows, cols] to nearest, group by group.

    The scale at 8 bits puts the group's largest weight at 127. At 4 bits the integers are -8 to 7
    and the scale is the one of four candidates with the least squared error.

    Returns:
        The integers, uint8 [ceil(rows / 16), groups, bytes], and the scales,
        bfloat16 [ceil(rows / 16), groups, 16].
    """
    size = GROUP[bits]
    rows, cols = weight.shape
    wide = pad(weight.float(), (0, -cols % size, 0, -rows % _LANES))
    grouped = wide.view(-1, _LANES, wide.shape[1] // size, size)
    if bits == 8:
        scale = _short(grouped.abs().amax(-1, keepdim=True) / 127)
        numbers = _nearest(grouped, scale, 127)
    else:
        extreme = grouped.gather(-1, grouped.abs().argmax(-1, keepdim=True))
        best = torch.full_like(extreme, torch.inf)
        scale, numbers = torch.zeros_like(extreme), torch.zeros_like(grouped)
        for divisor in (-8.0, -7.5, -7.0, -8.5):
            candidate = _short(extreme / divisor)
            tried = _nearest(grouped, candidate, 7)
            error = (tried * candidate - grouped).square().sum(-1, keepdim=True)
            better = error < best
            best = torch.where(better, error, best)
            scale = torch.where(better, candidate, scale)
            numbers = torch.where(better, tried, numbers)
    # Zero point in the middle, then [blocks, lanes, groups, quads, 4] to one quad of all lanes.
    whole = (numbers + 2 ** (bits - 1)).to(torch.uint8)
    quads = whole.unflatten(-1, (-1, 4)).permute(0, 2, 3, 1, 4)
    if bits == 4:
        low, high = quads.chunk(2, dim=2)
        quads = low | high << 4
    scales = scale.squeeze(-1).transpose(1, 2).to(torch.bfloat16)
    return quads.flatten(2).contiguous(), scales.contiguous()


def _short(scale: Tensor) -> Tensor:
    """Round to what is stored, before weights are rounded to multiples of it."""
    return scale.to(torch.bfloat16).float()


def _nearest(weight: Tensor, scale: Tensor, most: int) -> Tensor:
    inverse = torch.where(scale == 0, 0.0, 1 / scale)
    return (weight * inverse).round_().clamp_(-most - 1, most)


def unpack(
    data: Tensor, scales: Tensor, bits: int, cols: int, rows: range, dtype: torch.dtype
) -> Tensor:
    """Return weights [len(rows), cols]; `rows` starts at a multiple of 16."""
    if dtype == torch.bfloat16 and data.device.type == "cpu" and library() is not None:
        out = torch.empty(len(rows), cols, dtype=dtype)
        matrix = describe(rows.stop, cols, bits, data, scales, None)
        _function("dequantize")(
            ctypes.byref(matrix), out.data_ptr(), rows.start, rows.stop, torch.get_num_threads()
        )
        return out
    blocks = slice(rows.start // _LANES, -(-rows.stop // _LANES))
    packed = data[blocks].view(*data[blocks].shape[:2], -1, _LANES, 4)
    if bits == 4:
        packed = torch.cat((packed & 15, packed >> 4), dim=2)
    # [blocks, groups, quads, lanes, 4]
    numbers = packed.to(torch.float32) - 2 ** (bits - 1)
    wide: Tensor = numbers * scales[blocks, :, None, :, None]
    return wide.permute(0, 3, 1, 2, 4).flatten(0, 1).flatten(1)[: len(rows), :cols].to(dtype)


def takes(x: Tensor) -> bool:
    """Whether the kernels multiply `x` [..., cols]: a few vectors of bfloat16 on the CPU."""
    return (
        x.dtype == torch.bfloat16
        and x.device.type == "cpu"
        and 0 < x.numel() <= MOST_VECTORS * x.shape[-1]
        and not torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and library() is not None
    )


def matvec(matrix: Matrix, x: Tensor) -> Tensor:
    """Multiply.

    Args:
        matrix: [rows, cols].
        x: [count, cols], contiguous bfloat16, `count` at most `MOST_VECTORS`.

    Returns:
        [count, rows], bfloat16.
    """
    y = x.new_empty(x.shape[0], matrix.rows)
    _function("matvec")(
        ctypes.byref(matrix), x.data_ptr(), y.data_ptr(), x.shape[0], torch.get_num_threads()
    )
    return y


@cache
def _function(name: str) -> Any:
    return entry(name, _ARGUMENTS[name])
