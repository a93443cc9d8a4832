"""Adapter files against PEFT itself, in both directions, and what is refused."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from leitai.adapters import (
    LoRA,
    LoRALinear,
    apply_method,
    export_merged,
    load_adapter,
    merge,
    merging,
    save_adapter,
    weights_hash,
)
from leitai.base import LeitaiError
from leitai.models import load_decoder, save_decoder

IDS = torch.arange(30).view(2, 15)


def logits(decoder):
    with torch.no_grad():
        return decoder.logits(decoder(IDS))


def trained(base, **settings):
    decoder = load_decoder(base)
    apply_method(decoder, LoRA(**{"rank": 4, "alpha": 6} | settings), seed=2)
    for module in decoder.modules():
        if isinstance(module, LoRALinear):
            with torch.no_grad():
                module.lora_B.weight.normal_(0, 0.1, generator=torch.Generator().manual_seed(3))
    return decoder.eval()


@pytest.fixture
def adapter(base, tmp_path):
    save_adapter(trained(base), tmp_path / "adapter", weights_hash(base))
    return tmp_path / "adapter"


def peft_model(base):
    transformers = pytest.importorskip("transformers")
    return transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()


SETTINGS = [
    {},
    {"targets": ("q_proj", "down_proj")},
    {"targets": ("model.layers.[02].self_attn.*",), "rank": 3, "alpha": 7.5},
    {"rank_stabilized": True, "dropout": 0.1},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_peft_loads_what_we_save(base, tmp_path, settings):
    peft = pytest.importorskip("peft")
    decoder = trained(base, **settings)
    save_adapter(decoder, tmp_path / "adapter", weights_hash(base), base_name=str(base))
    model = peft.PeftModel.from_pretrained(peft_model(base), tmp_path / "adapter")
    assert sum(".lora_A." in name for name, _ in model.named_parameters()) == sum(
        isinstance(module, LoRALinear) for module in decoder.modules()
    )
    with torch.no_grad():
        theirs = model(IDS).logits
    torch.testing.assert_close(logits(decoder), theirs, rtol=1e-4, atol=1e-4)


def test_peft_finds_the_base_by_itself(base, tmp_path):
    peft = pytest.importorskip("peft")
    decoder = trained(base)
    save_adapter(decoder, tmp_path / "adapter", weights_hash(base), base_name=str(base))
    model = peft.AutoPeftModelForCausalLM.from_pretrained(tmp_path / "adapter").eval()
    with torch.no_grad():
        torch.testing.assert_close(logits(decoder), model(IDS).logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": ["q_proj", "up_proj"]},
        {"target_modules": "all-linear"},
        {"target_modules": r".*layers\.1\..*(k_proj|o_proj)", "use_rslora": True},
        {"target_modules": ["v_proj"], "layers_to_transform": [0, 2]},
        {"target_modules": "all-linear", "exclude_modules": ["o_proj"], "lora_dropout": 0.2},
    ],
)
def test_we_load_what_peft_saves(base, tmp_path, settings):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(
        r=5, lora_alpha=8, task_type="CAUSAL_LM", init_lora_weights=False, **settings
    )
    torch.manual_seed(0)
    model = peft.get_peft_model(peft_model(base), config).eval()
    model.save_pretrained(tmp_path / "theirs")
    decoder = load_decoder(base)
    before = logits(decoder)
    load_adapter(decoder, tmp_path / "theirs", base)
    with torch.no_grad():
        theirs = model(IDS).logits
    assert (theirs - before).abs().max() > 0.1
    torch.testing.assert_close(logits(decoder), theirs, rtol=1e-4, atol=1e-4)
    merge(decoder)
    torch.testing.assert_close(logits(decoder), theirs, rtol=1e-4, atol=1e-4)


def test_saving_and_loading_gives_the_same_bits(base, adapter, tmp_path):
    decoder = load_decoder(base)
    load_adapter(decoder, adapter, base)
    assert not any(parameter.requires_grad for parameter in decoder.parameters())
    assert torch.equal(logits(decoder), logits(trained(base)))
    save_adapter(decoder, tmp_path / "again", weights_hash(base))
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (adapter / name).read_bytes()


@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_another_base_is_refused(base, adapter, tmp_path):
    decoder = load_decoder(base)
    with torch.no_grad():
        decoder.model.norm.weight[0] += 1
    save_decoder(decoder, tmp_path / "other")
    with pytest.raises(LeitaiError, match=r"trained on other weights than those of .*other"):
        load_adapter(load_decoder(tmp_path / "other"), adapter, tmp_path / "other")


@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_the_hash_ignores_sharding_but_no_bit(base, tmp_path):
    decoder = load_decoder(base)
    save_decoder(decoder, tmp_path / "shards", shard_bytes=10_000)
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    assert weights_hash(tmp_path / "shards") == weights_hash(base)
    with torch.no_grad():
        decoder.model.layers[0].mlp.up_proj.weight[3, 4] *= 1.001
    save_decoder(decoder, tmp_path / "changed")
    assert weights_hash(tmp_path / "changed") != weights_hash(base)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("peft_type", "VERA"),
        ("bias", "lora_only"),
        ("lora_bias", True),
        ("modules_to_save", ["lm_head"]),
        ("rank_pattern", {"q_proj": 2}),
        ("alpha_pattern", {"q_proj": 2}),
        ("init_lora_weights", "pissa"),
        ("trainable_token_indices", [3]),
        ("layer_replication", [[0, 1]]),
        ("fan_in_fan_out", True),
        ("a_feature_of_tomorrow", {"x": 1}),
    ],
)
@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_features_that_are_lacking_are_refused_by_name(base, adapter, field, value):
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    decoder = load_decoder(base)
    before = logits(decoder)
    with pytest.raises(LeitaiError, match=rf"{field} = .* is not supported"):
        load_adapter(decoder, adapter)
    assert torch.equal(logits(decoder), before)


def damage_drop(tensors):
    tensors.pop(next(iter(tensors)))


def damage_layer(tensors):
    for name in [name for name in tensors if ".layers.1." in name]:
        del tensors[name]


def damage_shape(tensors):
    name = next(name for name in tensors if "lora_B" in name)
    tensors[name] = tensors[name][1:].clone()


def damage_name(tensors):
    tensors["base_model.model.model.embed_tokens.lora_embedding_A"] = torch.zeros(2)


def damage_extra(tensors):
    for part in "AB":
        name = f"base_model.model.lm_head.lora_{part}.weight"
        tensors[name] = torch.zeros((4, 32) if part == "A" else (97, 4))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_drop, "lora_A of model.layers.0.mlp.down_proj should have the shape .* found none"),
        (damage_layer, "no tensors for 7 of the target layers, such as model.layers.1"),
        (damage_shape, "should have the shape"),
        (damage_name, "lora_embedding_A' is no part of plain LoRA"),
        (damage_extra, "no linear layer 'lm_head' in its blocks"),
    ],
)
@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_damaged_tensors_are_refused_and_leave_the_model_alone(base, adapter, damage, message):
    path = adapter / "adapter_model.safetensors"
    tensors = load_file(path)
    damage(tensors)
    save_file(tensors, path)
    decoder = load_decoder(base)
    keys = list(decoder.state_dict())
    with pytest.raises(LeitaiError, match=message):
        load_adapter(decoder, adapter)
    assert list(decoder.state_dict()) == keys


@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_broken_files_are_refused(base, adapter):
    weights, config = adapter / "adapter_model.safetensors", adapter / "adapter_config.json"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LeitaiError, match="not a whole safetensors file"):
        load_adapter(load_decoder(base), adapter)
    weights.unlink()
    (adapter / "adapter_model.bin").write_bytes(b"")
    with pytest.raises(LeitaiError, match="is a pickle and is not read"):
        load_adapter(load_decoder(base), adapter)
    for text, message in (("{", "not valid JSON"), ("[]", "JSON object"), ("{}", "peft_type")):
        config.write_text(text)
        with pytest.raises(LeitaiError, match=message):
            load_adapter(load_decoder(base), adapter)
    config.unlink()
    with pytest.raises(LeitaiError, match="no such file"):
        load_adapter(load_decoder(base), adapter)


@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_two_adapters_are_refused(base, adapter):
    decoder = trained(base)
    with pytest.raises(LeitaiError, match="already has an adapter"):
        load_adapter(decoder, adapter)


@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_a_model_without_adapter_is_not_saved(base, tmp_path):
    with pytest.raises(LeitaiError, match="no adapter to save"):
        save_adapter(load_decoder(base), tmp_path / "none", "0")
    assert not (tmp_path / "none").exists()


def test_an_export_is_a_plain_checkpoint_with_the_same_logits(base, adapter, tmp_path):
    (base / "tokenizer.json").write_text("{}")
    (base / "notes.txt").write_text("private")
    export_merged(base, adapter, tmp_path / "merged")
    names = {path.name for path in (tmp_path / "merged").iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json"}
    expected = logits(trained(base))
    torch.testing.assert_close(
        logits(load_decoder(tmp_path / "merged")), expected, rtol=1e-4, atol=1e-4
    )
    with torch.no_grad():
        theirs = peft_model(tmp_path / "merged")(IDS).logits
    torch.testing.assert_close(theirs, expected, rtol=1e-4, atol=1e-4)
    tied = load_decoder(base).config.tie_word_embeddings
    assert ("lm_head.weight" in load_file(tmp_path / "merged" / "model.safetensors")) != tied


@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_nothing_is_exported_when_merging_fails(base, adapter, tmp_path, monkeypatch):
    monkeypatch.setitem(merging.MERGE_TOLERANCE, torch.float32, 0.0)
    with pytest.raises(LeitaiError, match="merging would change the logits"):
        export_merged(base, adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
