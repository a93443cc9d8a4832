"""Normalisation, gate and rotation: one pass over memory each, forward and backward.

Every function here is a formula in torch operations and, for float32 and bfloat16 on the CPU, a
native kernel that gives the same values (arithmetic in float32, results rounded where the formula
rounds them). A formula of five operations reads and writes the activations five times; the kernels
do so once, and keep nothing but their inputs for the backward pass.
"""

from ctypes import c_float, c_int, c_int64, c_void_p
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import silu

from leitai.kernels.build import entry, library

_SUFFIX = {torch.float32: "f32", torch.bfloat16: "bf16"}
# Below this many elements a thread, waking threads takes longer than the work.
_SHARE = 16384
_ARGUMENTS: dict[str, list[Any]] = {
    "rms_norm": [*[c_void_p] * 4, c_int64, c_int64, c_float, c_int],
    "rms_norm_backward": [*[c_void_p] * 6, c_int64, c_int64, c_int],
    "silu_mul": [*[c_void_p] * 3, *[c_int64] * 4, c_int],
    "silu_mul_backward": [*[c_void_p] * 5, *[c_int64] * 4, c_int],
    "rotate": [*[c_void_p] * 4, *[c_int64] * 4, *[c_void_p] * 4, c_int, c_int],
}


@cache
def _kernel(name: str, dtype: torch.dtype) -> Any:
    return entry(f"{name}_{_SUFFIX[dtype]}", _ARGUMENTS[name])


def _native(first: Tensor, *others: Tensor) -> bool:
    """Whether the kernels take these tensors."""
    return (
        first.dtype in _SUFFIX
        and first.device.type == "cpu"
        and all(other.dtype == first.dtype and other.device == first.device for other in others)
        and not torch.compiler.is_compiling()
        and library() is not None
    )


def _differentiable(*tensors: Tensor) -> bool:
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def _threads(elements: int) -> int:
    return max(1, min(torch.get_num_threads(), elements // _SHARE))


def _as_rows(x: Tensor) -> Tensor:
    """View [..., size] as [rows, size], each row dense, copied only where no view will do."""
    flat = x.reshape(-1, x.shape[-1])
    return flat if flat.stride(1) == 1 or flat.shape[1] == 1 else flat.contiguous()


# Root-mean-square normalisation (Zhang and Sennrich, arXiv 1910.07467).


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Divide by the root mean square over the last dimension, then multiply by `weight`.

    The statistics are computed in fp32 whatever the dtype, and the result is cast back before the
    multiplication, as both families' reference implementations do.

    Args:
        x: [..., size].
        weight: [size].
        eps: added to the mean square.

    Returns:
        [..., size], of `x`'s dtype.
    """
    if not _native(x, weight) or x.numel() == 0:
        wide = x.float()
        scale = torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + eps)
        return weight * (wide * scale).to(x.dtype)
    if _differentiable(x, weight):
        return cast(Tensor, _RMSNorm.apply(x, weight, eps))  # type: ignore[no-untyped-call]
    return _rms_norm(x.contiguous(), weight.contiguous(), eps)[0]


def _rms_norm(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    size = x.shape[-1]
    rows = x.numel() // size
    y = torch.empty_like(x)
    scale = torch.empty(rows, dtype=torch.float32)
    _kernel("rms_norm", x.dtype)(
        x.data_ptr(),
        weight.data_ptr(),
        y.data_ptr(),
        scale.data_ptr(),
        rows,
        size,
        eps,
        _threads(x.numel()),
    )
    return y, scale


class _RMSNorm(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        x, weight = x.contiguous(), weight.contiguous()
        y, scale = _rms_norm(x, weight, eps)
        ctx.save_for_backward(x, weight, scale)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, None]:
        x, weight, scale = ctx.saved_tensors
        grad = grad.contiguous()
        size, threads = x.shape[-1], _threads(x.numel())
        dx = torch.empty_like(x)
        partial = torch.zeros(threads, size) if ctx.needs_input_grad[1] else None
        _kernel("rms_norm_backward", x.dtype)(
            grad.data_ptr(),
            x.data_ptr(),
            weight.data_ptr(),
            scale.data_ptr(),
            dx.data_ptr(),
            None if partial is None else partial.data_ptr(),
            len(scale),
            size,
            threads,
        )
        return dx, None if partial is None else partial.sum(0).to(weight.dtype), None


# The gate of SwiGLU (Shazeer, arXiv 2002.05202).


def silu_mul(gate: Tensor, up: Tensor) -> Tensor:
    """Return silu(gate) * up.

    Args:
        gate: [..., size]; may be a slice of a wider tensor.
        up: the same shape.

    Returns:
        [..., size], contiguous on the CPU.
    """
    if not _native(gate, up) or gate.shape != up.shape or gate.dim() == 0 or gate.numel() == 0:
        return silu(gate) * up
    if _differentiable(gate, up):
        return cast(Tensor, _SiluMul.apply(gate, up))  # type: ignore[no-untyped-call]
    return _silu_mul(_as_rows(gate), _as_rows(up)).view(gate.shape)


def _silu_mul(gate: Tensor, up: Tensor) -> Tensor:
    rows, size = gate.shape
    y = gate.new_empty(rows, size)
    _kernel("silu_mul", gate.dtype)(
        gate.data_ptr(),
        up.data_ptr(),
        y.data_ptr(),
        rows,
        size,
        gate.stride(0),
        up.stride(0),
        _threads(y.numel()),
    )
    return y


class _SiluMul(Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(gate, up)
        return _silu_mul(_as_rows(gate), _as_rows(up)).view(gate.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        shape = grad.shape
        gate, up = map(_as_rows, ctx.saved_tensors)
        grad = grad.contiguous()
        dgate, dup = grad.new_empty(gate.shape), grad.new_empty(gate.shape)
        _kernel("silu_mul_backward", grad.dtype)(
            grad.data_ptr(),
            gate.data_ptr(),
            up.data_ptr(),
            dgate.data_ptr(),
            dup.data_ptr(),
            *gate.shape,
            gate.stride(0),
            up.stride(0),
            _threads(grad.numel()),
        )
        return dgate.view(shape), dup.view(shape)


# Rotary position embedding (Su et al., arXiv 2104.09864).


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate `x` [B, H, T, D]; dimension i is paired with i + D / 2, as in Hugging Face's files.

    Args:
        x: [B, H, T, D], in any layout.
        cos: [B or 1, 1, T, D]; no gradient flows to it.
        sin: the same.

    Returns:
        [B, H, T, D], in `x`'s memory layout where that is dense.
    """
    if not _native(x, cos, sin) or x.numel() == 0 or x.shape[-1] % 2:
        first, second = x.chunk(2, dim=-1)
        return x * cos + torch.cat((-second, first), dim=-1) * sin
    if _differentiable(x):
        return cast(Tensor, _Rotate.apply(x, cos, sin))  # type: ignore[no-untyped-call]
    return _rotate(x, cos, sin, back=False)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor, *, back: bool) -> Tensor:
    x, cos, sin = (t if t.stride(-1) == 1 else t.contiguous() for t in (x, cos, sin))
    batch, heads, steps, size = x.shape
    y = torch.empty_like(x)
    triple, pair = c_int64 * 3, c_int64 * 2
    angles = [
        pair(
            table.stride(0) if table.shape[0] > 1 else 0,
            table.stride(2) if table.shape[2] > 1 else 0,
        )
        for table in (cos, sin)
    ]
    _kernel("rotate", x.dtype)(
        x.data_ptr(),
        cos.data_ptr(),
        sin.data_ptr(),
        y.data_ptr(),
        batch,
        heads,
        steps,
        size // 2,
        triple(*x.stride()[:3]),
        triple(*y.stride()[:3]),
        *angles,
        back,
        _threads(x.numel()),
    )
    return y


class _Rotate(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _rotate(x, cos, sin, back=False)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _rotate(grad, cos, sin, back=True), None, None
