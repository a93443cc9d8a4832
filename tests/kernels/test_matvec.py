"""Quantised and dense products against the same weights in float."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leitai.kernels import library, matvec
from leitai.kernels.matvec import GROUP, describe, pack, unpack

SHAPES = st.tuples(st.integers(1, 50), st.integers(1, 200))
BITS = st.sampled_from([8, 4])
needs_kernels = pytest.mark.skipif(library() is None, reason="no native kernels on this machine")


def draw(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def scale_of_each(scales, rows, cols, bits):
    """The scale of every weight, [rows, cols]."""
    wide = scales.float().permute(0, 2, 1).flatten(0, 1)
    return wide.repeat_interleave(GROUP[bits], dim=1)[:rows, :cols]


@settings(deadline=None, max_examples=60)
@given(SHAPES, BITS, st.integers(0, 999))
def test_weights_come_back_within_half_a_step(shape, bits, seed):
    weight = draw(seed, *shape)
    data, scales = pack(weight, bits)
    got = unpack(data, scales, bits, shape[1], range(shape[0]), torch.float32)
    steps = scale_of_each(scales, *shape, bits).abs()
    error = (got - weight).abs()
    inside = got.abs() < steps * (127 if bits == 8 else 7) * 0.999
    assert (error[inside] <= steps[inside] * 0.5001).all()
    # The largest weights may be cut off, by up to a step and a half at 4 bits.
    assert (error <= steps * (0.51 if bits == 8 else 1.55) + 1e-12).all()


@pytest.mark.parametrize("bits", [8, 4])
def test_weights_that_the_format_holds_come_back_exactly(bits):
    most = 2 ** (bits - 1) - 1
    numbers = torch.arange(-most, most + 1).float()
    weight = numbers[torch.randint(0, len(numbers), (33, 128), generator=torch.manual_seed(0))]
    weight[:, :: GROUP[bits]] = most if bits == 8 else -8  # what sets the scale, to 1
    data, scales = pack(weight, bits)
    assert torch.equal(unpack(data, scales, bits, 128, range(33), torch.float32), weight)


def test_zeros_stay_zeros():
    for bits in (8, 4):
        data, scales = pack(torch.zeros(20, 70), bits)
        assert not unpack(data, scales, bits, 70, range(20), torch.float32).any()


@needs_kernels
@settings(deadline=None, max_examples=40)
@given(SHAPES, BITS, st.integers(0, 999))
def test_native_dequantisation_is_the_formula(shape, bits, seed):
    rows, cols = shape
    data, scales = pack(draw(seed, rows, cols), bits)
    for part in (range(rows), range(16, max(rows, 17)) if rows > 16 else range(rows)):
        native = unpack(data, scales, bits, cols, part, torch.bfloat16)
        plain = unpack(data, scales, bits, cols, part, torch.float32)
        assert torch.equal(native, plain.bfloat16())


@needs_kernels
@settings(deadline=None, max_examples=60)
@given(SHAPES, st.sampled_from([16, 8, 4]), st.integers(1, 20), st.booleans(), st.integers(0, 999))
def test_products(shape, bits, count, biased, seed):
    rows, cols = shape
    weight, x = draw(seed, rows, cols), draw(seed + 1, count, cols).bfloat16()
    bias = draw(seed + 2, rows).bfloat16() if biased else None
    if bits == 16:
        data, scales = weight.bfloat16(), None
        plain = data.double()
    else:
        data, scales = pack(weight, bits)
        plain = unpack(data, scales, bits, cols, range(rows), torch.float32).double()
    got = matvec.matvec(describe(rows, cols, bits, data, scales, bias), x).double()
    expected = x.double() @ plain.T + (0 if bias is None else bias.double())
    # int8 activations: each off by at most half a step of its group, 1 / 254 of its largest.
    slack = 0 if bits == 16 else plain.abs().sum(1) * x.double().abs().max() / 254
    assert ((got - expected).abs() <= slack + expected.abs() * 2**-8 + 1e-4).all()


@needs_kernels
def test_a_product_does_not_depend_on_the_others():
    for bits in (16, 8, 4):
        weight = draw(0, 100, 130)
        data, scales = pack(weight, bits) if bits < 16 else (weight.bfloat16(), None)
        matrix = describe(100, 130, bits, data, scales, None)
        x = draw(1, 21, 130).bfloat16()
        together = matvec.matvec(matrix, x)
        alone = torch.cat([matvec.matvec(matrix, row[None].contiguous()) for row in x])
        assert torch.equal(together, alone)
