"""A small model of every family with random weights, for tests of several rooms."""

import torch

from leitai.models import ModelConfig, init_decoder, save_decoder

SCALING = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
FAMILIES = {
    "qwen2": {"rope_theta": 1e6},
    "qwen3": {"rope_theta": 1e6, "head_dim": 32},
    "llama": {"rope_theta": 5e5, "rope_scaling": SCALING},
}


def write_random_weights(family, folder, tokenizer, *, context, eos, seed=0, scale=0.25):
    """Write config.json and weights whose next-token distributions are far from uniform."""
    config = ModelConfig.from_dict(
        {
            "model_type": family,
            "vocab_size": tokenizer.vocab_size + 3,  # released models round it up as well
            "hidden_size": 48,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": context,
            "rms_norm_eps": 1e-6,
            "tie_word_embeddings": family != "llama",
            "bos_token_id": tokenizer.bos_id,
            "eos_token_id": eos,
            **FAMILIES[family],
        }
    )
    decoder = init_decoder(config, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(1 + 0.3 * noise if "norm" in name else noise * scale)
    save_decoder(decoder, folder)
