"""Prefix-tuning and prompt tuning against PEFT in both directions, and what is refused."""

import json

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from leitai.adapters import (
    PrefixTuning,
    PromptTuning,
    apply_method,
    load_adapter,
    merge,
    save_adapter,
    trainable_parameters,
    trainable_state,
    weights_hash,
    with_start_ids,
)
from leitai.adapters.apply import count_trainable
from leitai.base import LeitaiError
from leitai.models import load_decoder

IDS = torch.arange(30).view(2, 15)
N = 6
METHODS = {
    "prefix": PrefixTuning(virtual_tokens=N),
    "random prefix": PrefixTuning(virtual_tokens=N, init="random"),
    "projected prefix": PrefixTuning(virtual_tokens=N, init="random", projection=24),
    "prompt": PromptTuning(virtual_tokens=N),
    "random prompt": PromptTuning(virtual_tokens=N, init="random"),
}


@pytest.fixture(params=list(METHODS))
def method(request):
    return METHODS[request.param]


def logits(decoder):
    with torch.no_grad():
        return decoder.logits(decoder(IDS))


def theirs(model):
    """Logits of the real tokens: prompt tuning returns those of the virtual ones too."""
    with torch.no_grad():
        return model(IDS, attention_mask=torch.ones_like(IDS)).logits[:, -IDS.shape[1] :]


def peft_model(base):
    transformers = pytest.importorskip("transformers")
    return transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()


def started(base, method):
    decoder = load_decoder(base)
    apply_method(decoder, method, seed=2)
    return decoder.eval()


def test_peft_loads_what_we_save(base, tmp_path, method):
    peft = pytest.importorskip("peft")
    decoder = started(base, method)
    before = logits(load_decoder(base))
    save_adapter(decoder, tmp_path / "adapter", weights_hash(base), base_name=str(base))
    model = peft.PeftModel.from_pretrained(peft_model(base), tmp_path / "adapter")
    assert (logits(decoder) - before).abs().max() > 0.1
    torch.testing.assert_close(logits(decoder), theirs(model), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("projected", [False, True])
def test_we_load_the_prefix_that_peft_saves(base, tmp_path, projected):
    peft = pytest.importorskip("peft")
    config = peft.PrefixTuningConfig(
        task_type="CAUSAL_LM", num_virtual_tokens=N, prefix_projection=projected
    )
    torch.manual_seed(0)
    model = peft.get_peft_model(peft_model(base), config).eval()
    model.save_pretrained(tmp_path / "theirs")
    decoder = load_decoder(base)
    load_adapter(decoder, tmp_path / "theirs", base)
    torch.testing.assert_close(logits(decoder), theirs(model), rtol=1e-5, atol=1e-5)


def test_we_load_the_prompt_that_peft_saves(base, tmp_path):
    peft = pytest.importorskip("peft")
    config = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=N)
    torch.manual_seed(0)
    model = peft.get_peft_model(peft_model(base), config).eval()
    model.save_pretrained(tmp_path / "theirs")
    decoder = load_decoder(base)
    load_adapter(decoder, tmp_path / "theirs", base)
    torch.testing.assert_close(logits(decoder), theirs(model), rtol=1e-5, atol=1e-5)


def test_the_projection_is_pefts(base):
    peft = pytest.importorskip("peft")
    config = peft.PrefixTuningConfig(
        task_type="CAUSAL_LM",
        num_virtual_tokens=N,
        prefix_projection=True,
        encoder_hidden_size=24,
    )
    model = peft.get_peft_model(peft_model(base), config).eval()
    decoder = started(base, METHODS["projected prefix"])
    encoder = model.prompt_encoder["default"]
    with torch.no_grad():
        encoder.embedding.weight.copy_(decoder.prefix.embedding)
    encoder.transform.load_state_dict(decoder.prefix.transform.state_dict())
    torch.testing.assert_close(logits(decoder), theirs(model), rtol=1e-5, atol=1e-5)


def test_saving_and_loading_gives_the_same_bits(base, tmp_path, method):
    decoder = started(base, method)
    save_adapter(decoder, tmp_path / "one", weights_hash(base))
    again = load_decoder(base)
    load_adapter(again, tmp_path / "one", base)
    assert not any(parameter.requires_grad for parameter in again.parameters())
    assert torch.equal(logits(again), logits(decoder))
    save_adapter(again, tmp_path / "two", weights_hash(base))
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_what_is_trained_is_counted_from_the_architecture(decoder, method):
    apply_method(decoder, method)
    config = decoder.config
    width = config.num_key_value_heads * config.head_dim
    flat = 2 * config.num_hidden_layers * width
    expected = {
        "prefix_tuning": N * flat,
        "prompt_tuning": N * config.hidden_size,
    }[method.name]
    if getattr(method, "projection", None):
        expected = N * width + (width + 1) * 24 + (24 + 1) * flat
    assert trainable_parameters(decoder) == expected == count_trainable(config, method)
    assert all(name.startswith("prefix.") for name in trainable_state(decoder))


def test_gradients_reach_every_virtual_token_and_nothing_else(decoder, method):
    apply_method(decoder, method)
    decoder.logits(decoder(IDS)).square().mean().backward()
    for name, parameter in decoder.named_parameters():
        assert (parameter.grad is not None) == name.startswith("prefix.")
    assert decoder.prefix.embedding.grad.abs().amax(dim=1).min() > 0


@pytest.mark.parametrize("kind", [PrefixTuning, PromptTuning])
def test_tokens_of_a_text_do_what_the_text_does(fresh, kind):
    decoder, plain = fresh(), fresh()
    text = [5, 9, 2, 44]
    method = with_start_ids(
        kind(virtual_tokens=N, init_text="four"),
        lambda text: [5, 9, 2, 44] if text == "four" else [],
    )
    apply_method(decoder, method)
    prompt = torch.tensor([*text, *text[:2]])  # repeated to fit
    with torch.no_grad():
        whole = torch.cat([prompt.expand(2, -1), IDS], dim=1)
        expected = plain.logits(plain(whole))[:, N:]
    torch.testing.assert_close(logits(decoder), expected, rtol=1e-4, atol=1e-4)


def test_the_seed_fixes_the_start(fresh, method):
    def first(seed):
        decoder = fresh()
        apply_method(decoder, method, seed)
        return decoder.prefix.embedding

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_virtual_tokens_cannot_be_merged(decoder, method):
    apply_method(decoder, method)
    before = logits(decoder)
    with pytest.raises(LeitaiError, match="cannot be merged"):
        merge(decoder)
    assert torch.equal(logits(decoder), before)


@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_misfits_are_refused(base, tmp_path):
    folder = tmp_path / "adapter"
    save_adapter(started(base, METHODS["prompt"]), folder, weights_hash(base))
    config, weights = folder / "adapter_config.json", folder / "adapter_model.safetensors"
    content, tensors = json.loads(config.read_text()), load_file(weights)

    def refuse(message, **changes):
        config.write_text(json.dumps(content | changes))
        decoder = load_decoder(base)
        with pytest.raises(LeitaiError, match=message):
            load_adapter(decoder, folder)
        assert decoder.prefix is None

    refuse("modules_to_save", modules_to_save=["lm_head"])
    refuse("num_transformer_submodules = 2", num_transformer_submodules=2)
    refuse("num_virtual_tokens must be a positive number", num_virtual_tokens="6")
    refuse("a_feature_of_tomorrow", a_feature_of_tomorrow=1)
    refuse(r"'prompt_embeddings' of shape \(7, 32\)", num_virtual_tokens=7)
    refuse("prompt_tuning_init = .* not supported .prefix tuning is", peft_type="PREFIX_TUNING")
    save_file(tensors | {"more": torch.zeros(1)}, weights)
    refuse("alone, found")


@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_what_cannot_be_started_from_is_refused(decoder):
    for kind in (PrefixTuning, PromptTuning):
        with pytest.raises(LeitaiError, match="needs a tokenizer"):
            apply_method(decoder, kind(init_text="hello"))
        with pytest.raises(LeitaiError, match="not between 0 and 96"):
            apply_method(decoder, kind(init_ids=(97,)))
        with pytest.raises(LeitaiError, match="no tokens"):
            with_start_ids(kind(init_text="x"), lambda text: [])
        with pytest.raises(ValidationError, match="not both"):
            kind(init="random", init_text="hello")
    with pytest.raises(ValidationError, match="starts at random"):
        PrefixTuning(projection=8)
