"""4-bit NormalFloat: levels, layout, rounding, and what double quantisation costs."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leitai.models import ModelConfig, init_decoder, quantize
from leitai.models.nf4 import BLOCK, NF4_LEVELS, NF4Linear, pack, unpack

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 200))


def draw(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_levels_are_those_of_the_paper():
    """Quantiles of a normal distribution, 8 below zero and 9 above with zero shared, at ends 1."""
    offset = (1 - 1 / (2 * 15) + 1 - 1 / (2 * 16)) / 2
    above = torch.special.ndtri(torch.linspace(offset, 0.5, 9, dtype=torch.float64)[:-1])
    below = -torch.special.ndtri(torch.linspace(offset, 0.5, 8, dtype=torch.float64)[:-1])
    expected = torch.cat((above, torch.zeros(1), below)).sort().values
    expected /= expected.max()
    torch.testing.assert_close(torch.tensor(NF4_LEVELS).double(), expected, rtol=0, atol=2e-4)


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.integers(0, 99), st.floats(1e-4, 10))
def test_every_weight_becomes_the_nearest_level(shape, seed, size):
    weight = draw(shape, seed) * size
    found = NF4Linear(weight).dequantized()
    flat = weight.flatten()
    scales = torch.cat([part.abs().max().expand(len(part)) for part in torch.split(flat, BLOCK)])
    levels = torch.tensor(NF4_LEVELS)
    nearest = (flat[:, None] - scales[:, None] * levels).abs().amin(dim=1)
    error = (found.flatten() - flat).abs()
    torch.testing.assert_close(error, nearest, rtol=1e-5, atol=1e-6 * size)


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.integers(0, 99))
def test_what_is_quantised_already_stays(shape, seed):
    once = NF4Linear(draw(shape, seed)).dequantized()
    torch.testing.assert_close(NF4Linear(once).dequantized(), once, rtol=1e-6, atol=0)


def test_zeros_stay_zeros():
    for double in (False, True):
        layer = NF4Linear(torch.zeros(8, 64), double=double)
        assert torch.equal(layer.dequantized(), torch.zeros(8, 64))


def test_the_layout_is_that_of_bitsandbytes():
    functional = pytest.importorskip("bitsandbytes.functional")
    weight = draw((48, 128))
    theirs, state = functional.quantize_4bit(weight, blocksize=BLOCK, quant_type="nf4")
    data, scales = pack(weight.flatten())
    assert torch.equal(theirs.flatten(), data)
    assert torch.equal(state.absmax, scales)
    dequantized = functional.dequantize_4bit(theirs, state)
    torch.testing.assert_close(unpack(data, scales).view(48, 128), dequantized, rtol=0, atol=0)


@pytest.mark.parametrize("double", [False, True])
def test_bytes_and_error(double):
    weight = draw((512, 1000))
    layer = NF4Linear(weight, double=double)
    size = sum(buffer.numel() * buffer.element_size() for buffer in layer.buffers())
    assert 8 * size / weight.numel() == pytest.approx(4.127 if double else 4.5, rel=2e-3)
    error = (layer.dequantized() - weight).norm() / weight.norm()
    assert error < (0.1 if double else 0.096)
    plain = NF4Linear(weight).dequantized()
    assert (layer.dequantized() - plain).norm() / plain.norm() < (0.03 if double else 1e-9)


@pytest.mark.parametrize("double", [False, True])
def test_a_layer_is_a_product_with_its_dequantised_weight(double):
    weight, bias, x = draw((24, 40)), draw(24, 1), draw((2, 3, 40), 2)
    layer = NF4Linear(weight, bias, double=double)
    expected = x @ layer.dequantized().T + bias
    torch.testing.assert_close(layer(x), expected, rtol=1e-5, atol=1e-5)
    half = NF4Linear(weight, bias, double=double).to(torch.bfloat16)  # scales keep their bits
    assert torch.equal(half.dequantized(), layer.dequantized())
    assert half(x.bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("dtype", ["nf4", "nf4-double", "int8"])
@pytest.mark.parametrize("head", [False, True])
def test_a_decoder_is_quantised_with_or_without_its_head(dtype, head):
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "vocab_size": 90}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64}
    config = ModelConfig.from_dict({"model_type": "qwen2", **sizes, **heads})
    decoder = init_decoder(config, 1)
    ids = torch.arange(20)[None]
    with torch.no_grad():
        before = decoder.logits(decoder(ids))
        quantize(decoder, dtype, head=head)
        after = decoder.logits(decoder(ids)).float()
    assert type(decoder.lm_head) is not torch.nn.Linear if head else True
    assert (after - before).norm() / before.norm() < 0.3
