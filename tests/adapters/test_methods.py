"""What each method trains, and LoRA's arithmetic."""

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from leitai.adapters import (
    IA3,
    AdaLoRA,
    DoRA,
    Freeze,
    Full,
    LoRA,
    LoRALinear,
    Method,
    apply_method,
    count_trainable,
    merge,
    trainable_parameters,
    trainable_state,
)
from leitai.base import LeitaiError

IDS = torch.arange(24).view(2, 12)


def logits(decoder, ids=IDS):
    with torch.no_grad():
        return decoder.logits(decoder(ids))


def stir(decoder, seed=3):
    """Give B values, as training would."""
    generator = torch.Generator().manual_seed(seed)
    for module in decoder.modules():
        if isinstance(module, LoRALinear):
            with torch.no_grad():
                module.lora_B.weight.normal_(0, 0.1, generator=generator)


def test_full_trains_everything_once(decoder):
    apply_method(decoder, Full())
    assert trainable_parameters(decoder) == sum(p.numel() for p in decoder.parameters())
    assert set(trainable_state(decoder)) == set(dict(decoder.named_parameters()))


def test_freeze_trains_top_blocks_and_final_norm(decoder):
    apply_method(decoder, Freeze(top_blocks=2))
    names = set(trainable_state(decoder))
    assert names == {
        name
        for name, _ in decoder.named_parameters()
        if name.startswith(("model.layers.1.", "model.layers.2.", "model.norm."))
    }


def test_freeze_refuses_more_blocks_than_there_are(decoder):
    with pytest.raises(LeitaiError, match="4 blocks are to be trained, the model has 3"):
        apply_method(decoder, Freeze(top_blocks=4))


def test_freeze_takes_names(decoder):
    apply_method(decoder, Freeze(names=("model.layers.*.v_proj.weight", "model.norm.*")))
    names = set(trainable_state(decoder))
    blocks = range(decoder.config.num_hidden_layers)
    assert names == {"model.norm.weight"} | {
        f"model.layers.{i}.self_attn.v_proj.weight" for i in blocks
    }
    with pytest.raises(LeitaiError, match=r"'\*.nothing' matches no parameter"):
        apply_method(decoder, Freeze(names=("*.nothing",)))


def test_lora_counts_and_names(decoder):
    apply_method(decoder, LoRA(rank=4))
    config = decoder.config
    shapes = {
        name: module.weight.shape
        for name, module in decoder.named_modules()
        if isinstance(module, LoRALinear)
    }
    assert len(shapes) == 7 * config.num_hidden_layers
    assert trainable_parameters(decoder) == sum(4 * (out + into) for out, into in shapes.values())
    assert all(".lora_" in name for name in trainable_state(decoder))


@pytest.mark.parametrize(
    ("targets", "count"),
    [
        (("q_proj", "v_proj"), 6),
        (("self_attn.o_proj",), 3),
        (("model.layers.[12].mlp.*",), 6),
        (("model.layers.0.*", "q_proj"), 9),
    ],
)
def test_targets_are_names_or_patterns(decoder, targets, count):
    apply_method(decoder, LoRA(rank=2, targets=targets))
    assert sum(isinstance(m, LoRALinear) for m in decoder.modules()) == count


@pytest.mark.parametrize("target", ["q_projj", "lm_head", "embed_tokens", "*.lm_head"])
def test_a_target_that_matches_no_layer_is_refused(decoder, target):
    with pytest.raises(LeitaiError, match="matches no linear layer of the blocks"):
        apply_method(decoder, LoRA(rank=2, targets=(target,)))


def test_lora_starts_as_the_base_and_equals_its_formula(decoder, fresh):
    before = logits(decoder)
    apply_method(decoder, LoRA(rank=4, alpha=6), seed=5)
    assert torch.equal(logits(decoder), before)
    stir(decoder)
    plain = fresh()
    with torch.no_grad():
        for name, module in decoder.named_modules():
            if isinstance(module, LoRALinear):
                update = module.lora_B.weight.double() @ module.lora_A.weight.double()
                weight = plain.get_submodule(name).weight
                weight.copy_(weight.double() + 6 / 4 * update)
    expected = logits(plain)
    assert (expected - before).abs().max() > 0.1 * before.abs().max()
    torch.testing.assert_close(logits(decoder), expected, rtol=1e-5, atol=1e-5)


def test_the_seed_fixes_a_and_another_changes_it(fresh):
    def first(seed):
        decoder = fresh()
        apply_method(decoder, LoRA(rank=4), seed=seed)
        return next(iter(trainable_state(decoder).values()))

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_gradients_reach_the_adapter_alone(decoder):
    apply_method(decoder, LoRA(rank=4, dropout=0.1))
    stir(decoder)
    decoder.train()
    decoder.logits(decoder(IDS)).square().mean().backward()
    for name, parameter in decoder.named_parameters():
        assert (parameter.grad is not None) == (".lora_" in name)
        assert parameter.grad is None or parameter.grad.abs().sum() > 0


def test_dropout_works_in_training_alone(decoder):
    apply_method(decoder, LoRA(rank=4, dropout=0.5))
    stir(decoder)
    decoder.eval()
    assert torch.equal(logits(decoder), logits(decoder))
    decoder.train()
    assert not torch.equal(logits(decoder), logits(decoder))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_merging_changes_no_logits_and_ties_stay_tied(decoder, dtype):
    decoder.to(dtype)
    keys = list(decoder.state_dict())
    apply_method(decoder, LoRA(rank=4))
    stir(decoder)
    before = logits(decoder)
    merge(decoder)
    assert not any(isinstance(m, LoRALinear) for m in decoder.modules())
    assert list(decoder.state_dict()) == keys
    change = (logits(decoder).float() - before.float()).norm() / before.float().norm()
    assert change <= (1e-5 if dtype == torch.float32 else 0.05)
    assert (decoder.lm_head is None) == decoder.config.tie_word_embeddings


def test_a_merge_that_changes_the_logits_is_refused(decoder, monkeypatch):
    apply_method(decoder, LoRA(rank=4))
    stir(decoder)

    def wrong(self):
        plain = nn.Linear(self.in_features, self.out_features, bias=False)
        plain.weight, plain.bias = self.weight, self.bias
        return plain

    monkeypatch.setattr(LoRALinear, "merged", wrong)
    with pytest.raises(LeitaiError, match="merging would change the logits"):
        merge(decoder)


def test_merging_without_an_adapter_is_refused(decoder):
    with pytest.raises(LeitaiError, match="no adapter to merge"):
        merge(decoder)


@pytest.mark.parametrize(
    "method",
    [
        Full(),
        Freeze(top_blocks=1),
        Freeze(names=("*.mlp.*",)),
        LoRA(rank=4),
        DoRA(rank=4),
        AdaLoRA(),
        IA3(),
    ],
    ids=repr,
)
def test_methods_can_be_counted_from_the_architecture(decoder, method):
    counted = count_trainable(decoder.config, method)
    apply_method(decoder, method)
    assert counted == trainable_parameters(decoder)


def test_methods_count_by_hand(decoder):
    config, blocks = decoder.config, decoder.config.num_hidden_layers
    keys = config.num_key_value_heads * config.head_dim
    assert count_trainable(config, IA3()) == blocks * (2 * keys + config.intermediate_size)
    sizes = blocks * (config.hidden_size + keys)  # of v_proj, inputs and outputs
    assert count_trainable(config, LoRA(rank=3, targets=("v_proj",))) == 3 * sizes
    assert count_trainable(config, DoRA(rank=3, targets=("v_proj",))) == 3 * sizes + blocks * keys
    adalora = AdaLoRA(rank=3, target_rank=1, targets=("v_proj",))
    assert count_trainable(config, adalora) == 3 * sizes + 3 * blocks


def test_specs_round_trip_and_refuse_nonsense():
    adapter = TypeAdapter(Method)
    for method in (Full(), Freeze(top_blocks=2), LoRA(rank=3, targets=("q_proj",))):
        assert adapter.validate_python(method.model_dump(mode="json")) == method
    assert LoRA(rank=4, alpha=8, rank_stabilized=True).scaling == 4.0
    for wrong in (
        {"name": "lora", "rank": 0},
        {"name": "lora", "dropout": 1.0},
        {"name": "lora", "targets": []},
        {"name": "freeze"},
        {"name": "freeze", "top_blocks": 1, "rank": 2},
        {"name": "vera"},
        {"name": "adalora", "rank": 4},
        {"name": "adalora", "warmup": 0.6, "settle": 0.4},
    ):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)
