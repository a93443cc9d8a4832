"""Tiny checkpoints made by transformers: the oracle of this folder's tests."""

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

LLAMA3_SCALING = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
SHAPE = {
    "vocab_size": 307,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
# name -> config.json in the older form, as the families' released checkpoints carry it
TINY = {
    "qwen2-tied": SHAPE
    | {"model_type": "qwen2", "rms_norm_eps": 1e-6, "rope_theta": 1e6, "tie_word_embeddings": True},
    "qwen2-untied": SHAPE
    | {"model_type": "qwen2", "rms_norm_eps": 1e-6, "rope_theta": 1e6, "tie_word_embeddings": False}
    | {"num_key_value_heads": 4},
    "qwen3-tied": SHAPE
    | {"model_type": "qwen3", "rms_norm_eps": 1e-6, "rope_theta": 1e6, "tie_word_embeddings": True}
    | {"head_dim": 32},
    "qwen3-untied": SHAPE
    | {"model_type": "qwen3", "rms_norm_eps": 1e-6, "rope_theta": 1e6, "tie_word_embeddings": False}
    | {"head_dim": 16, "num_key_value_heads": 1},
    "llama3": SHAPE
    | {"model_type": "llama", "rms_norm_eps": 1e-5, "rope_theta": 5e5}
    | {"tie_word_embeddings": False},
    "llama3.2": SHAPE
    | {"model_type": "llama", "rms_norm_eps": 1e-5, "rope_theta": 5e5, "tie_word_embeddings": True}
    | {"rope_scaling": LLAMA3_SCALING, "head_dim": 16},
}


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Give every weight a random value that matters: biases are not 0 and norms not 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(1 + 0.3 * noise if "norm" in name else noise * 0.15)


def make_reference(config: dict, seed: int = 0) -> PreTrainedModel:
    """Return transformers' own model with random weights."""
    values = dict(config)
    model_type = values.pop("model_type")
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(model_type, **values), dtype=torch.float32
    ).eval()
    randomise(model, seed)
    return model


def save_reference(config: dict, folder: Path, seed: int = 0) -> PreTrainedModel:
    """Write a checkpoint with transformers and return its model."""
    model = make_reference(config, seed)
    model.save_pretrained(folder)
    return model


def relative_difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Return the largest difference of two logit tensors, relative to the logits' scale."""
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()
