"""Files of DoRA, AdaLoRA and (IA)^3 against PEFT itself, both ways, and what is refused."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from leitai.adapters import (
    IA3,
    AdaLoRA,
    DoRA,
    apply_method,
    export_merged,
    load_adapter,
    merge,
    save_adapter,
    trainable_state,
    weights_hash,
)
from leitai.adapters.adalora import AdaLoRALinear
from leitai.base import LeitaiError
from leitai.models import load_decoder, quantize, save_decoder

IDS = torch.arange(30).view(2, 15)
METHODS = {
    "dora": DoRA(rank=4, alpha=6, dropout=0.1),
    "dora-some": DoRA(rank=3, targets=("model.layers.[02].self_attn.*",), rank_stabilized=True),
    "adalora": AdaLoRA(rank=5, target_rank=3, alpha=7.5),
    "adalora-some": AdaLoRA(rank=4, target_rank=2, targets=("q_proj", "up_proj"), dropout=0.1),
    "ia3": IA3(),
    "ia3-all": IA3(targets=("k_proj", "q_proj", "o_proj", "up_proj"), feedforward=("o_proj",)),
    "ia3-some": IA3(
        targets=("model.layers.[12].*_proj",), feedforward=("model.layers.1.mlp.up_proj",)
    ),
    "ia3-outputs": IA3(targets=("v_proj",), feedforward=()),
}


def logits(decoder):
    with torch.no_grad():
        return decoder.logits(decoder(IDS))


def trained(base, method):
    """A decoder whose adapter has values as after training."""
    decoder = load_decoder(base)
    apply_method(decoder, method, seed=2)
    generator = torch.Generator().manual_seed(3)
    for name, value in trainable_state(decoder).items():
        if not name.endswith("lora_A.weight"):
            value.add_(0.1 * torch.randn(value.shape, generator=generator))
    for number, module in enumerate(decoder.modules()):
        if isinstance(module, AdaLoRALinear):  # one layer loses all ranks, the others some
            taken = torch.rand(module.lora_E.shape, generator=generator) < 0.4
            module.lora_E.detach().masked_fill_(taken | (number == 9), 0.0)
    return decoder.eval()


@pytest.fixture(params=list(METHODS))
def method(request):
    return METHODS[request.param]


def peft_model(base):
    transformers = pytest.importorskip("transformers")
    return transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()


def test_peft_loads_what_we_save(base, tmp_path, method):
    peft = pytest.importorskip("peft")
    decoder = trained(base, method)
    save_adapter(decoder, tmp_path / "adapter", weights_hash(base), base_name=str(base))
    model = peft.PeftModel.from_pretrained(peft_model(base), tmp_path / "adapter")
    with torch.no_grad():
        theirs = model(IDS).logits
    before = logits(load_decoder(base))
    assert (theirs - before).norm() > 0.01 * before.norm()
    torch.testing.assert_close(logits(decoder), theirs, rtol=2e-5, atol=2e-5)


CONFIGS = [
    ("LoraConfig", {"r": 5, "lora_alpha": 8, "use_dora": True, "target_modules": "all-linear"}),
    ("LoraConfig", {"use_dora": True, "use_rslora": True, "target_modules": ["q_proj", "up_proj"]}),
    ("AdaLoraConfig", {"init_r": 5, "total_step": 10, "target_modules": "all-linear"}),
    ("AdaLoraConfig", {"total_step": 10, "target_modules": ["v_proj"], "lora_alpha": 3}),
    ("IA3Config", {}),  # PEFT's own choice for the family
    (
        "IA3Config",
        {"target_modules": r".*\.1\..*_proj", "feedforward_modules": ".*(up|down)_.*"},
    ),
    ("IA3Config", {"target_modules": ["k_proj"], "feedforward_modules": []}),
]


@pytest.mark.parametrize(("kind", "settings"), CONFIGS)
def test_we_load_what_peft_saves(base, tmp_path, kind, settings):
    peft = pytest.importorskip("peft")
    torch.manual_seed(0)
    starts = {"init_ia3_weights" if kind == "IA3Config" else "init_lora_weights": False}
    config = getattr(peft, kind)(task_type="CAUSAL_LM", **starts, **settings)
    model = peft.get_peft_model(peft_model(base), config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and "lora_" in name and "magnitude" not in name:
                parameter.mul_(0.3)
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


def test_saving_and_loading_gives_the_same_bits(base, tmp_path, method):
    decoder = trained(base, method)
    save_adapter(decoder, tmp_path / "first", weights_hash(base))
    again = load_decoder(base)
    load_adapter(again, tmp_path / "first", base)
    assert not any(parameter.requires_grad for parameter in again.parameters())
    torch.testing.assert_close(logits(again), logits(decoder), rtol=1e-5, atol=1e-5)
    save_adapter(again, tmp_path / "again", weights_hash(base))
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()


def test_an_untrained_adapter_is_the_base_and_keeps_all_its_numbers(base, tmp_path, method):
    decoder = load_decoder(base)
    before = logits(decoder)
    apply_method(decoder, method)
    torch.testing.assert_close(logits(decoder), before, rtol=1e-5, atol=1e-5)
    save_adapter(decoder, tmp_path / "start", weights_hash(base))
    saved = load_file(tmp_path / "start" / "adapter_model.safetensors")
    assert sum(t.numel() for t in saved.values()) == sum(
        t.numel() for t in trainable_state(decoder).values()
    )


def test_an_export_is_a_plain_checkpoint_with_the_same_logits(base, tmp_path, method):
    decoder = trained(base, method)
    save_adapter(decoder, tmp_path / "adapter", weights_hash(base))
    export_merged(base, tmp_path / "adapter", tmp_path / "merged")
    with torch.no_grad():
        theirs = peft_model(tmp_path / "merged")(IDS).logits
    torch.testing.assert_close(theirs, logits(decoder), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_ranks_taken_away_are_not_in_the_file(base, tmp_path):
    decoder = trained(base, METHODS["adalora"])
    save_adapter(decoder, tmp_path / "adapter", weights_hash(base))
    saved = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    pattern = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["rank_pattern"]
    layers = {n: m for n, m in decoder.named_modules() if isinstance(m, AdaLoRALinear)}
    assert {f"{name}.lora_E" for name in layers} == set(pattern)
    kept = [sum(pattern[f"{name}.lora_E"]) for name in layers]
    assert min(kept) == 0 < max(kept)
    for name, layer in layers.items():
        there = layer.lora_E[:, 0] != 0
        assert torch.equal(saved[f"base_model.model.{name}.lora_A"], layer.lora_A[there])
        assert torch.equal(saved[f"base_model.model.{name}.lora_B"], layer.lora_B[:, there])


@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_another_base_is_refused(base, tmp_path, method):
    save_adapter(trained(base, method), tmp_path / "adapter", weights_hash(base))
    other = load_decoder(base)
    with torch.no_grad():
        other.model.norm.weight[0] += 1
    save_decoder(other, tmp_path / "other")
    with pytest.raises(LeitaiError, match=r"trained on other weights than those of .*other"):
        load_adapter(load_decoder(tmp_path / "other"), tmp_path / "adapter", tmp_path / "other")


@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
@pytest.mark.parametrize(
    ("name", "field", "value", "message"),
    [
        ("dora", "lora_bias", True, "lora_bias = True is not supported"),
        ("dora", "use_dora", False, "lora_magnitude_vector' is no part of plain LoRA"),
        ("adalora", "use_rslora", True, "use_rslora = True is not supported"),
        ("adalora", "bias", "all", "bias = 'all' is not supported"),
        ("adalora", "init_r", 4, "must be a list of 4 times true or false"),
        ("adalora", "rank_pattern", {"x": [1]}, "must be a list of 5 times true or false"),
        ("adalora", "rank_pattern", None, r"lora_A of .* should have the shape \(5, "),
        ("ia3", "modules_to_save", ["lm_head"], "modules_to_save = .* is not supported"),
        ("ia3", "fan_in_fan_out", True, "fan_in_fan_out = True is not supported"),
        ("ia3", "feedforward_modules", [], r"ia3_l of .*down_proj should have the shape \(32, 1\)"),
        ("ia3", "target_modules", ["q_proj"], "no tensors for 3 of the target layers"),
        ("ia3", "a_feature_of_tomorrow", 1, "a_feature_of_tomorrow = 1 is not supported"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(base, tmp_path, name, field, value, message):
    save_adapter(trained(base, METHODS[name]), tmp_path / "adapter", weights_hash(base))
    path = tmp_path / "adapter" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    decoder = load_decoder(base)
    before = logits(decoder)
    with pytest.raises(LeitaiError, match=message):
        load_adapter(decoder, tmp_path / "adapter")
    assert torch.equal(logits(decoder), before)


@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_missing_tensors_are_refused(base, tmp_path, method):
    save_adapter(trained(base, method), tmp_path / "adapter", weights_hash(base))
    path = tmp_path / "adapter" / "adapter_model.safetensors"
    tensors = load_file(path)
    tensors.pop(next(iter(tensors)))
    save_file(tensors, path)
    with pytest.raises(LeitaiError, match=r"found none|no tensors for"):
        load_adapter(load_decoder(base), tmp_path / "adapter")


@pytest.mark.parametrize("family", ["qwen3"], indirect=True)
def test_a_quantised_base_is_refused(base, method):
    decoder = quantize(load_decoder(base), "int8")
    with pytest.raises(LeitaiError, match="only LoRA can be put onto quantised weights"):
        apply_method(decoder, method)
