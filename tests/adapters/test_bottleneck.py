"""Bottleneck adapters against their formula, written out, and their own files."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import gelu, relu, silu

from leitai.adapters import (
    BottleneckAdapter,
    apply_method,
    load_adapter,
    merge,
    save_adapter,
    trainable_parameters,
    trainable_state,
    weights_hash,
)
from leitai.adapters.apply import count_trainable
from leitai.adapters.bottleneck import adapters
from leitai.base import LeitaiError
from leitai.models import Causal, load_decoder

IDS = torch.arange(30).view(2, 15)
METHODS = {
    "serial": BottleneckAdapter(size=5),
    "parallel": BottleneckAdapter(
        size=4, placement="parallel", sublayers=("mlp",), scale=4.0, activation="silu"
    ),
    "attention": BottleneckAdapter(size=3, sublayers=("attention",), activation="gelu"),
    "both parallel": BottleneckAdapter(size=6, placement="parallel", activation="tanh", scale=0.5),
}
ACTIVATIONS = {"relu": relu, "silu": silu, "gelu": gelu, "tanh": torch.tanh}


@pytest.fixture(params=list(METHODS))
def method(request):
    return METHODS[request.param]


def logits(decoder):
    with torch.no_grad():
        return decoder.logits(decoder(IDS))


def stir(decoder, seed=3):
    """Give what is zero at the start values, as training would."""
    generator = torch.Generator().manual_seed(seed)
    for _, adapter in adapters(decoder):
        with torch.no_grad():
            for parameter in (adapter.down.bias, adapter.up.weight, adapter.up.bias):
                parameter.normal_(0, 0.2, generator=generator)


def test_it_starts_as_the_base_and_equals_its_formula(decoder, fresh, method):
    before = logits(decoder)
    apply_method(decoder, method, seed=5)
    assert torch.equal(logits(decoder), before)
    stir(decoder)
    plain = fresh()
    state = trainable_state(decoder)

    def added(name, x, out):
        """h + s f(x W_down + b_down) W_up + b_up, or nothing where there is no adapter."""
        if f"{name}.adapter.up.weight" not in state:
            return out
        weights = [state[f"{name}.adapter.{part}"] for part in PARTS]
        read = x if method.placement == "parallel" else out
        inner = ACTIVATIONS[method.activation](read @ weights[0].T + weights[1])
        return out + method.scale * (inner @ weights[2].T + weights[3])

    with torch.no_grad():
        x, scope = plain.model.embed_tokens(IDS), Causal()
        cos, sin = plain._rotary(scope.begin(IDS.shape[1], x.device), x.dtype)
        for number, block in enumerate(plain.model.layers):
            normed = block.input_layernorm(x)
            out = block.self_attn(normed, cos, sin, scope)
            x = x + added(f"model.layers.{number}.self_attn", normed, out)
            normed = block.post_attention_layernorm(x)
            x = x + added(f"model.layers.{number}.mlp", normed, block.mlp(normed))
        expected = plain.logits(plain.model.norm(x))
    assert (expected - before).abs().max() > 0.1 * before.abs().max()
    torch.testing.assert_close(logits(decoder), expected, rtol=1e-5, atol=1e-5)


PARTS = ("down.weight", "down.bias", "up.weight", "up.bias")


def test_names_and_counts(decoder, method):
    names = list(decoder.state_dict())
    apply_method(decoder, method)
    config, size = decoder.config, method.size
    each = 2 * size * config.hidden_size + size + config.hidden_size
    expected = config.num_hidden_layers * len(method.sublayers) * each
    assert trainable_parameters(decoder) == expected == count_trainable(config, method)
    assert all(".adapter." in name for name in trainable_state(decoder))
    assert [name for name in decoder.state_dict() if ".adapter." not in name] == names


def test_gradients_reach_the_adapters_alone(decoder, method):
    apply_method(decoder, method)
    stir(decoder)
    decoder.logits(decoder(IDS)).square().mean().backward()
    for name, parameter in decoder.named_parameters():
        assert (parameter.grad is not None) == (".adapter." in name)
        assert parameter.grad is None or parameter.grad.abs().sum() > 0


def test_dropout_works_in_training_alone(decoder):
    apply_method(decoder, BottleneckAdapter(size=4, dropout=0.5))
    stir(decoder)
    decoder.eval()
    assert torch.equal(logits(decoder), logits(decoder))
    decoder.train()
    assert not torch.equal(logits(decoder), logits(decoder))


def test_saving_and_loading_gives_the_same_bits(base, tmp_path, method):
    decoder = load_decoder(base)
    apply_method(decoder, method, seed=2)
    stir(decoder)
    save_adapter(decoder, tmp_path / "one", weights_hash(base))
    again = load_decoder(base)
    load_adapter(again, tmp_path / "one", base)
    assert not any(parameter.requires_grad for parameter in again.parameters())
    assert torch.equal(logits(again), logits(decoder))
    save_adapter(again, tmp_path / "two", weights_hash(base))
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_it_cannot_be_merged(decoder, method):
    apply_method(decoder, method)
    with pytest.raises(LeitaiError, match="cannot be merged"):
        merge(decoder)


@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_misfits_are_refused(base, tmp_path):
    folder = tmp_path / "adapter"
    decoder = load_decoder(base)
    apply_method(decoder, METHODS["parallel"])
    save_adapter(decoder, folder, weights_hash(base))
    config, weights = folder / "adapter_config.json", folder / "adapter_model.safetensors"
    content, tensors = json.loads(config.read_text()), load_file(weights)

    def refuse(message, **changes):
        config.write_text(json.dumps(content | changes))
        decoder = load_decoder(base)
        keys = list(decoder.state_dict())
        with pytest.raises(LeitaiError, match=message):
            load_adapter(decoder, folder)
        assert list(decoder.state_dict()) == keys

    refuse("activation: Input should be", activation="swish")
    refuse("a_feature_of_tomorrow", a_feature_of_tomorrow=1)
    refuse(r"adapter.down of model.layers.0.mlp should have the shape \(7, 32\)", size=7)
    refuse("found none", sublayers=["attention", "mlp"])
    refuse("no adapter on 'model.layers.0.mlp'", sublayers=["attention"])
    save_file(tensors | {"base_model.model.lm_head.weight": torch.zeros(1)}, weights)
    refuse("'base_model.model.lm_head.weight' is no part of a bottleneck adapter")


@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_fast_kernels_step_aside(decoder, fresh):
    """Cast as a whole, the adapters' layers look like any other; they must still be computed."""
    apply_method(decoder, METHODS["serial"])
    stir(decoder)
    decoder.bfloat16()
    assert fresh().bfloat16()._native_blocks() is not None
    assert decoder._native_blocks() is None
