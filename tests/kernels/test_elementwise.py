"""The kernels against the formulas in torch operations, values and gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import silu

from leitai.kernels import library, rms_norm, rotate, silu_mul

FORMATS = st.sampled_from([torch.float32, torch.bfloat16])
SIZES = st.integers(1, 70)


@pytest.fixture(autouse=True, scope="module")
def _compiled():
    if library() is None:
        pytest.skip("no native kernels on this machine")


def plain_norm(x, weight, eps):
    wide = x.float()
    scale = torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + eps)
    return weight * (wide * scale).to(x.dtype)


def plain_rotate(x, cos, sin):
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


def draw(seed, shape, dtype, scale=1.0):
    return (torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale).to(dtype)


def differentiated(function, inputs, grad, dtype):
    leaves = [value.detach().to(dtype).requires_grad_() for value in inputs]
    out = function(*leaves)
    out.backward(grad.to(dtype))
    return [out.detach(), *(leaf.grad for leaf in leaves)]


def agree(ours, plain, inputs, grad, terms=0.0):
    """Ours is as near to the formula in float64 as the formula in the inputs' own format is.

    `terms` is the size of what a gradient is a difference of: rounding is measured against that.
    """
    exact = differentiated(plain, inputs, grad, torch.float64)
    reference = differentiated(plain, inputs, grad, inputs[0].dtype)
    got = differentiated(ours, inputs, grad, inputs[0].dtype)
    step = torch.finfo(inputs[0].dtype).eps
    for value, theirs, truth in zip(got, reference, exact, strict=True):
        assert value.dtype == theirs.dtype and value.shape == theirs.shape
        error = (value.double() - truth).abs().max()
        assert error <= (theirs.double() - truth).abs().max() + 2 * step * (
            1 + max(truth.abs().max(), terms)
        )


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 9), SIZES, FORMATS, st.integers(0, 999))
def test_rms_norm(rows, size, dtype, seed):
    x, weight = draw(seed, (rows, 2, size), dtype, 3.0), draw(seed + 1, (size,), dtype)
    assert_values(rms_norm(x, weight, 1e-6), plain_norm(x, weight, 1e-6))
    grad = draw(seed + 2, x.shape, dtype)

    def formula(x, weight):
        if x.dtype == torch.float64:
            scale = torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + 1e-6)
            return weight * (x * scale)
        return plain_norm(x, weight, 1e-6)

    wide = x.double()
    scale = torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + 1e-6)
    terms = (grad.double() * weight.double() * scale).abs().max()
    agree(lambda x, weight: rms_norm(x, weight, 1e-6), formula, (x, weight), grad, terms)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 9), SIZES, FORMATS, st.booleans(), st.integers(0, 999))
def test_silu_mul(rows, size, dtype, sliced, seed):
    joined = draw(seed, (rows, 2, 2 * size), dtype, 4.0)
    gate, up = joined.chunk(2, dim=-1)
    if not sliced:
        gate, up = gate.contiguous(), up.contiguous()
    assert_values(silu_mul(gate, up), silu(gate) * up)
    agree(silu_mul, lambda a, b: silu(a) * b, (gate, up), draw(seed + 2, gate.shape, dtype))


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 3), st.integers(1, 4), SIZES, st.integers(1, 20), FORMATS, st.booleans(),
    st.booleans(), st.integers(0, 999),
)  # fmt: skip
def test_rotate(batch, heads, steps, half, dtype, transposed, own_angles, seed):
    shape = (batch, steps, heads, 2 * half) if transposed else (batch, heads, steps, 2 * half)
    x = draw(seed, shape, dtype)
    x = x.transpose(1, 2) if transposed else x
    rows = batch if own_angles else 1
    angles = draw(seed + 1, (rows, 1, steps, 2 * half), torch.float32, 9.0)
    cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
    got = rotate(x, cos, sin)
    assert got.stride() == x.stride()
    assert_values(got, plain_rotate(x, cos, sin))
    agree(
        lambda x: rotate(x, cos.to(x.dtype), sin.to(x.dtype)),
        lambda x: plain_rotate(x, cos.to(x.dtype), sin.to(x.dtype)),
        (x,),
        draw(seed + 2, x.shape, dtype),
    )


def assert_values(got, expected):
    """The same bits in all but few places, where float32 differs in its last ones."""
    assert got.dtype == expected.dtype and got.shape == expected.shape
    torch.testing.assert_close(got, expected, rtol=torch.finfo(got.dtype).eps * 4, atol=2e-6)
    if got.dtype == torch.bfloat16:
        assert (got != expected).float().mean() <= max(0.02, 2 / got.numel())


def test_large_tensors_use_all_threads_and_agree():
    x, weight = draw(0, (700, 896), torch.bfloat16), draw(1, (896,), torch.bfloat16)
    assert_values(rms_norm(x, weight, 1e-6), plain_norm(x, weight, 1e-6))
    grad = draw(2, x.shape, torch.bfloat16)
    got = differentiated(lambda x, w: rms_norm(x, w, 1e-6), (x, weight), grad, torch.bfloat16)
    with_formula = differentiated(
        lambda x, w: plain_norm(x, w, 1e-6), (x, weight), grad, torch.bfloat16
    )
    for value, theirs in zip(got, with_formula, strict=True):
        torch.testing.assert_close(value, theirs, rtol=2e-2, atol=2e-2 * theirs.abs().max().item())


def test_a_frozen_weight_gets_no_gradient():
    x = draw(0, (3, 8), torch.float32).requires_grad_()
    weight = torch.ones(8)
    rms_norm(x, weight, 1e-6).sum().backward()
    assert x.grad is not None and weight.grad is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e30, 1e30, -100.0, 100.0, 0.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_extreme_values(value, dtype):
    gate, up = torch.full((2, 40), value, dtype=dtype), torch.full((2, 40), 2.0, dtype=dtype)
    torch.testing.assert_close(silu_mul(gate, up), silu(gate) * up, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_other_formats_take_the_formula(dtype):
    x, weight = torch.randn(3, 8).to(dtype), torch.ones(8, dtype=dtype)
    assert torch.equal(rms_norm(x, weight, 1e-6), plain_norm(x, weight, 1e-6))
    assert torch.equal(silu_mul(x, x), silu(x) * x)


def test_empty_tensors():
    assert rms_norm(torch.empty(0, 8), torch.ones(8), 1e-6).shape == (0, 8)
    assert silu_mul(torch.empty(2, 0), torch.empty(2, 0)).shape == (2, 0)
