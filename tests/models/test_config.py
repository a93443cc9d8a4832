"""What config.json may say, and what is refused by name."""

import pytest
import torch
from models_reference import LLAMA3_SCALING, TINY
from transformers import AutoConfig

from leitai.base import LeitaiError
from leitai.models import ModelConfig
from leitai.models.rotary import inverse_frequencies

FAMILY = {"qwen2": "qwen2-tied", "qwen3": "qwen3-tied", "llama": "llama3.2"}


@pytest.mark.parametrize("name", list(TINY))
def test_both_forms_of_the_rotary_fields_read_alike(name):
    """transformers 5 writes rope_parameters; released checkpoints have the older form."""
    values = dict(TINY[name])
    newer = AutoConfig.for_model(values.pop("model_type"), **values).to_dict()
    assert "rope_parameters" in newer
    assert ModelConfig.from_dict(newer) == ModelConfig.from_dict(TINY[name])


@pytest.mark.parametrize("name", list(TINY))
def test_written_configs_read_back_the_same(name):
    config = ModelConfig.from_dict(TINY[name])
    assert ModelConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize("name", list(FAMILY.values()))
def test_absent_fields_mean_what_they_mean_to_transformers(name):
    optional = (
        *("rms_norm_eps", "rope_theta", "rope_scaling", "tie_word_embeddings"),
        *("max_position_embeddings", "head_dim", "bos_token_id", "eos_token_id", "pad_token_id"),
    )
    values = {key: value for key, value in TINY[name].items() if key not in optional}
    ours = ModelConfig.from_dict(values)
    theirs = AutoConfig.for_model(
        values["model_type"], **{k: v for k, v in values.items() if k != "model_type"}
    )
    assert ours.tie_word_embeddings == theirs.tie_word_embeddings
    assert ours.rms_norm_eps == theirs.rms_norm_eps
    assert ours.rope_theta == theirs.rope_parameters["rope_theta"]
    assert ours.max_position_embeddings == theirs.max_position_embeddings
    default_head = theirs.hidden_size // theirs.num_attention_heads
    assert ours.head_dim == (getattr(theirs, "head_dim", None) or default_head)


@pytest.mark.parametrize(
    ("family", "field", "value"),
    [
        ("qwen2", "use_sliding_window", True),
        ("qwen2", "layer_types", ["full_attention", "sliding_attention", "full_attention"]),
        ("qwen2", "rope_scaling", {"type": "yarn", "factor": 4.0}),
        ("qwen2", "rope_scaling", {"type": "mrope", "mrope_section": [1, 2]}),
        ("qwen2", "use_mrope", True),
        ("qwen3", "attention_bias", True),
        ("qwen3", "num_experts", 128),
        ("qwen3", "rope_scaling", LLAMA3_SCALING),
        ("qwen3", "rope_parameters", {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e6}),
        ("qwen3", "quantization_config", {"quant_method": "awq", "bits": 4}),
        ("llama", "attention_bias", True),
        ("llama", "mlp_bias", True),
        ("llama", "hidden_act", "gelu"),
        ("llama", "hidden_act", "relu"),
        ("llama", "sliding_window", 4096),
        ("llama", "partial_rotary_factor", 0.5),
        ("llama", "rope_scaling", {"rope_type": "linear", "factor": 2.0}),
        ("llama", "rope_scaling", {"type": "dynamic", "factor": 2.0}),
        ("llama", "rope_scaling", LLAMA3_SCALING | {"attention_factor": 2.0}),
        ("llama", "rope_scaling", LLAMA3_SCALING | {"partial_rotary_factor": 0.5}),
        ("llama", "rope_parameters", LLAMA3_SCALING | {"rope_theta": 123456.0}),
        ("llama", "attn_logit_softcapping", 50.0),
        ("llama", "final_logit_softcapping", 30.0),
        ("llama", "embedding_multiplier", 12.0),
        ("llama", "query_pre_attn_scalar", 256),
        ("llama", "attention_dropout", 0.1),
        ("llama", "pretraining_tp", 2),
        ("llama", "a_field_of_the_future", "on"),
    ],
)
def test_other_arithmetic_is_refused_by_name(family, field, value):
    with pytest.raises(LeitaiError) as caught:
        ModelConfig.from_dict(TINY[FAMILY[family]] | {field: value}, "m/config.json")
    assert field in str(caught.value)
    assert str(caught.value).startswith("m/config.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("qwen2", {"use_sliding_window": False, "sliding_window": 4096, "max_window_layers": 2}),
        ("qwen2", {"use_sliding_window": True, "layer_types": ["full_attention"] * 3}),
        ("qwen2", {"use_mrope": False, "layer_types": ["full_attention"] * 3}),
        ("qwen3", {"attention_bias": False, "rope_scaling": None, "attention_dropout": 0.0}),
        ("llama", {"pretraining_tp": 1, "mlp_bias": False, "transformers_version": "4.43.0"}),
        ("llama", {"_name_or_path": "x", "unknown_but_off": False, "torch_dtype": "bfloat16"}),
        ("llama", {"eos_token_id": [128001, 128008, 128009], "quantization_config": None}),
    ],
)
def test_harmless_fields_are_accepted(family, changes):
    base = ModelConfig.from_dict(TINY[FAMILY[family]])
    config = ModelConfig.from_dict(TINY[FAMILY[family]] | changes)
    if "eos_token_id" in changes:
        assert config.eos_token_ids == (128001, 128008, 128009)
    else:
        assert config == base


@pytest.mark.parametrize("kind", ["mistral", "qwen2_moe", "qwen3_moe", "gpt2", None, 7])
def test_another_model_type_is_refused(kind):
    with pytest.raises(LeitaiError, match="model_type"):
        ModelConfig.from_dict(TINY["llama3"] | {"model_type": kind})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hidden_size", None),
        ("hidden_size", 0),
        ("hidden_size", -48),
        ("hidden_size", 47),
        ("hidden_size", "48"),
        ("hidden_size", 10**9),
        ("vocab_size", 10**10),
        ("vocab_size", True),
        ("num_hidden_layers", 10**6),
        ("num_hidden_layers", 2.5),
        ("num_key_value_heads", 3),
        ("intermediate_size", 10**9),
        ("head_dim", 15),
        ("rms_norm_eps", 0),
        ("rms_norm_eps", "small"),
        ("rms_norm_eps", float("nan")),
        ("rope_theta", float("inf")),
        ("rope_theta", -1),
        ("rope_scaling", "llama3"),
        ("rope_scaling", LLAMA3_SCALING | {"factor": None}),
        ("rope_scaling", LLAMA3_SCALING | {"high_freq_factor": 1.0}),
        ("tie_word_embeddings", "yes"),
        ("eos_token_id", "</s>"),
        ("eos_token_id", [1, -2]),
    ],
)
def test_senseless_values_are_refused_by_name(field, value):
    with pytest.raises(LeitaiError) as caught:
        ModelConfig.from_dict(TINY["llama3"] | {field: value})
    assert field in str(caught.value)


@pytest.mark.parametrize("value", [[], "x", None, 3])
def test_a_config_that_is_no_object_is_refused(value):
    with pytest.raises(LeitaiError, match="JSON object"):
        ModelConfig.from_dict(value)


def test_llama3_scaling_against_the_published_rule():
    """Slow dimensions are divided by the factor, fast ones kept, in between monotone."""
    plain = inverse_frequencies(ModelConfig.from_dict(TINY["llama3.2"] | {"rope_scaling": None}))
    scaled = inverse_frequencies(ModelConfig.from_dict(TINY["llama3.2"]))
    turns = 64 * plain / (2 * torch.pi)  # within the original context of 64 positions
    assert torch.equal(scaled[turns > 4], plain[turns > 4])
    torch.testing.assert_close(scaled[turns < 1], plain[turns < 1] / 8)
    assert (turns > 4).any()
    assert (turns < 1).any()
