"""Tiny checkpoints of every family on disk."""

import pytest
import torch

from leitai.models import ModelConfig, init_decoder, save_decoder

SIZES = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.15,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
CONFIGS = {
    "qwen2": SIZES | {"model_type": "qwen2", "tie_word_embeddings": True},
    "qwen3": SIZES | {"model_type": "qwen3", "tie_word_embeddings": True, "head_dim": 16},
    "llama": SIZES | {"model_type": "llama", "tie_word_embeddings": False},
}


def make_decoder(family: str, seed: int = 1):
    decoder = init_decoder(ModelConfig.from_dict(CONFIGS[family]), seed)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():  # norms and biases away from 1 and 0, so that a mistake in them shows
        for parameter in decoder.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return decoder


@pytest.fixture(params=sorted(CONFIGS))
def family(request):
    return request.param


@pytest.fixture
def base(tmp_path, family):
    folder = tmp_path / "base"
    save_decoder(make_decoder(family), folder)
    return folder


@pytest.fixture
def decoder(family):
    return make_decoder(family)


@pytest.fixture
def fresh(family):
    """Make the same decoder once more."""
    return lambda: make_decoder(family)


@pytest.fixture(scope="session")
def make():
    """Make a decoder: make(family, seed)."""
    return make_decoder
