"""Quantised decoders: near the decoder they come from, by hand and from a checkpoint."""

import copy
import random

import pytest
import torch
from torch.nn.functional import kl_div, log_softmax

from leitai.base import LeitaiError
from leitai.inference.scoring import score_requests
from leitai.kernels import library
from leitai.models import (
    KeyValueCache,
    QuantizedLinear,
    init_decoder,
    load_decoder,
    quantize,
    save_decoder,
    scratch_config,
)
from leitai.models import decoder as decoder_module

PRESETS = ["qwen2-nano", "qwen3-nano", "llama3-nano"]


def make(preset="qwen2-nano"):
    torch.manual_seed(0)
    decoder = init_decoder(scratch_config(preset, 300), seed=0)
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            if name.endswith(("bias", "norm.weight")):
                parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return decoder.bfloat16().eval()


def logprobs(decoder, ids):
    with torch.inference_mode():
        return log_softmax(decoder.logits(decoder(ids)).float(), dim=-1)


def stepwise(decoder, ids, sizes):
    """Log-probabilities with a cache, `sizes` tokens at a time."""
    cache, parts = KeyValueCache(decoder.config, len(ids)), []
    with torch.inference_mode():
        for part in ids.split(sizes, dim=1):
            hidden = decoder(part, scope=cache)
            parts.append(log_softmax(decoder.logits(hidden).float(), dim=-1))
    return torch.cat(parts, dim=1)


def divergence(p, q):
    return kl_div(q, p, log_target=True, reduction="none").sum(-1).mean().item()


IDS = torch.randint(0, 300, (1, 24), generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("dtype", "most"), [("int8", 1e-3), ("int4", 5e-2)])
def test_predictions_stay_near(preset, dtype, most):
    decoder = make(preset)
    before = logprobs(decoder, IDS)
    quantize(decoder, dtype)
    assert 0 <= divergence(before, logprobs(decoder, IDS)) < most
    assert divergence(before, stepwise(decoder, IDS, 1)) < most


def grouping_gap(decoder):
    """How much a token's log-probability changes, in the mean, with what is scored beside it."""
    draws = random.Random(0)

    def ids(most):
        return tuple(draws.randrange(300) for _ in range(draws.randrange(1, most)))

    requests = [(ids(30), ids(8)) for _ in range(40)]
    together = score_requests(decoder, requests)
    alone = [score_requests(decoder, [request])[0] for request in requests]
    gaps = [
        abs(one - other)
        for a, b in zip(together, alone, strict=True)
        for one, other in zip(a.logprobs, b.logprobs, strict=True)
    ]
    return sum(gaps) / len(gaps)


@pytest.mark.parametrize("preset", PRESETS)
def test_few_bits_depend_on_the_grouping_hardly_more_than_bfloat16(preset):
    """Few vectors have their activations rounded to eight bits, many have not."""

    def spread():
        decoder = make(preset)
        with torch.no_grad():
            decoder.model.embed_tokens.weight.mul_(8)  # logits as far apart as trained ones
        return decoder

    assert grouping_gap(spread().float()) < 1e-4
    plain = grouping_gap(spread())
    assert plain < 0.15
    for dtype in ("int8", "int4"):
        assert grouping_gap(quantize(spread(), dtype)) < 2.5 * plain


@pytest.mark.parametrize("dtype", ["int8", "int4"])
def test_the_layers_compute_with_their_dequantised_weights(dtype):
    decoder = make()
    ids = IDS.repeat(2, 1)  # more than the kernels take at once
    plain = copy.deepcopy(quantize(decoder, dtype))
    for name, module in list(plain.named_modules()):
        if isinstance(module, QuantizedLinear):
            linear = torch.nn.Linear(module.in_features, module.out_features, bias=False)
            linear.weight.data = module.dequantized(torch.bfloat16)
            linear.bias = module.bias
            owner, _, leaf = name.rpartition(".")
            setattr(plain.get_submodule(owner), leaf, linear)
    torch.testing.assert_close(logprobs(decoder, ids), logprobs(plain, ids), rtol=0.02, atol=0.05)


@pytest.mark.skipif(library() is None, reason="no native kernels on this machine")
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("dtype", ["bfloat16", "int8", "int4"])
@pytest.mark.parametrize("sizes", [1, 3, 8])
def test_native_blocks_are_the_modules(monkeypatch, preset, dtype, sizes):
    decoder = make(preset)
    if dtype != "bfloat16":
        quantize(decoder, dtype)
    ids = IDS[:, :20] if sizes < 8 else torch.cat((IDS, IDS[:, :8] + 1), dim=1)
    native = stepwise(decoder, ids, sizes)
    with monkeypatch.context() as patch:
        patch.setattr(decoder_module, "takes", lambda x: False)
        modules = stepwise(decoder, ids, sizes)
    assert divergence(modules, native) < 2e-3
    assert (native - modules).abs().max() < 0.25


@pytest.mark.skipif(library() is None, reason="no native kernels on this machine")
def test_replaced_weights_are_noticed():
    decoder = make()
    with torch.inference_mode():
        first = decoder(IDS[:, :4])
    decoder.model.layers[1].mlp.up_proj = torch.nn.Linear(128, 448, bias=False).bfloat16()
    with torch.inference_mode():
        second = decoder(IDS[:, :4])
    decoder.float().bfloat16()
    with torch.inference_mode():
        third = decoder(IDS[:, :4])
    assert not torch.equal(first, second) and torch.equal(second, third)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("dtype", ["int8", "int4"])
def test_loading_quantises_what_is_stored(tmp_path, preset, dtype):
    decoder = make(preset)
    save_decoder(decoder, tmp_path)
    loaded = load_decoder(tmp_path, dtype=dtype)
    quantize(decoder, dtype)
    expected = decoder.state_dict()
    assert {name: tuple(t.shape) for name, t in loaded.state_dict().items()} == {
        name: tuple(t.shape) for name, t in expected.items()
    }
    assert all(torch.equal(t, expected[name]) for name, t in loaded.state_dict().items())
    assert loaded.dtype == torch.bfloat16


def test_refusals(tmp_path):
    with pytest.raises(LeitaiError, match="int3 is not a quantised format"):
        quantize(make(), "int3")
    decoder = quantize(make(), "int8")
    with pytest.raises(LeitaiError, match="quantised already"):
        quantize(decoder, "int8")
    with pytest.raises(LeitaiError, match="not stored"):
        save_decoder(decoder, tmp_path)
    with pytest.raises(LeitaiError, match="cannot be trained"):
        _ = decoder.head_weight
