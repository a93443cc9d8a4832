"""Mixtures of experts, against their cards and against transformers' modules."""

import pytest
import torch

from leitai.base import LeitaiError
from leitai.models import scratch_config
from leitai.planning import find_shape
from leitai.planning.mixtures import MIXTURES, Mixture
from leitai.planning.resources import Workload, resources_of_mixture
from leitai.planning.shapes import find_mixture

# In billions: all and used by a token, as the makers print them.
PUBLISHED = {
    "Qwen2-57B-A14B": (57.41, 14.25),
    "Qwen3-30B-A3B": (30.5, 3.3),
    "Qwen3-235B-A22B": (235, 22),
    "Qwen3-Coder-480B-A35B": (480, 35),
}


@pytest.mark.parametrize("name", MIXTURES)
def test_sizes_are_those_of_the_cards(name):
    found = resources_of_mixture(name, MIXTURES[name], Workload())
    for count, printed in zip((found.parameters, found.used), PUBLISHED[name], strict=True):
        assert count / 1e9 == pytest.approx(printed, rel=0.02)


def tiny(family, experts, used, width, common):
    dense = scratch_config(f"{family}-nano", 64)
    fields = {name: getattr(dense, name) for name in dense.__dataclass_fields__}
    fields |= {"intermediate_size": used * width + common, "tie_word_embeddings": False}
    return Mixture(type(dense)(**fields), experts, used, width, common)


@pytest.mark.parametrize("common", [0, 96])
def test_parameters_are_those_of_transformers(common):
    from transformers import AutoConfig, AutoModelForCausalLM

    mixture = tiny("qwen2" if common else "qwen3", experts=6, used=2, width=32, common=common)
    dense = mixture.dense
    about = {
        "hidden_size": dense.hidden_size,
        "num_hidden_layers": dense.num_hidden_layers,
        "num_attention_heads": dense.num_attention_heads,
        "num_key_value_heads": dense.num_key_value_heads,
        "vocab_size": dense.vocab_size,
        "num_experts": 6,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 32,
        "tie_word_embeddings": False,
    }
    if common:
        config = AutoConfig.for_model("qwen2_moe", shared_expert_intermediate_size=common, **about)
    else:
        config = AutoConfig.for_model("qwen3_moe", head_dim=dense.head_dim, **about)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    found = resources_of_mixture("tiny", mixture, Workload(context=16))
    assert found.parameters == sum(p.numel() for p in model.parameters())
    assert found.weight_bytes == 2 * found.parameters
    assert found.used == found.parameters - mixture.idle


def test_operations_are_those_of_what_a_token_uses():
    """Of a token alone, attention's products aside: two for each number but the embedding's."""
    mixture = MIXTURES["Qwen3-30B-A3B"]
    found = resources_of_mixture("m", mixture, Workload(context=1))
    embedding = mixture.dense.vocab_size * mixture.dense.hidden_size
    assert found.forward_flops == pytest.approx(2 * (found.used - embedding), rel=1e-3)


def test_memory_is_that_of_all_experts():
    found = resources_of_mixture("m", MIXTURES["Qwen3-30B-A3B"], Workload(context=512))
    assert found.weight_bytes == 2 * 30_532_122_624
    assert found.serving_bytes > found.weight_bytes
    assert found.full_bytes > 18 * 30e9
    assert (found.lora_bytes, found.lora_flops) == (None, None)
    four = resources_of_mixture("m", MIXTURES["Qwen3-30B-A3B"], Workload(dtype="int4"))
    assert 30e9 * 0.5 < four.weight_bytes < 30.6e9 * 0.7
    assert four.full_bytes is None


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "Qwen3-30B-A3B"),
        ("Qwen3-235B-A22B-Thinking-2507", "Qwen3-235B-A22B"),
        ("Qwen3-8B", None),
    ],
)
def test_names(model, known):
    if known is None:
        assert find_mixture(model) is None
    else:
        assert find_mixture(model) == MIXTURES[known]


def test_a_plan_refuses_what_is_only_counted():
    with pytest.raises(LeitaiError, match="counted but not run here"):
        find_shape("Qwen/Qwen3-30B-A3B")
