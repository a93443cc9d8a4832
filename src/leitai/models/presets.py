"""Architectures by name: the published models, and small ones to train from random weights."""

import math
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from leitai.base import LeitaiError
from leitai.models.config import ModelConfig, RopeScaling

_SIZES = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
    "tie_word_embeddings",
)

# What all models of a generation share. Token ids are those of the base models.
_GENERATIONS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "Qwen2": {
            **{"family": "qwen2", "rms_norm_eps": 1e-6, "rope_theta": 1e6},
            **{"bos_token_id": 151643, "eos_token_ids": (151643,)},
        },
        "Qwen2.5": {
            **{"family": "qwen2", "rms_norm_eps": 1e-6, "rope_theta": 1e6},
            **{"bos_token_id": 151643, "eos_token_ids": (151643,)},
        },
        "Qwen3": {
            **{"family": "qwen3", "rms_norm_eps": 1e-6, "rope_theta": 1e6},
            **{"bos_token_id": 151643, "eos_token_ids": (151645,)},
        },
        "Llama-3": {
            **{"family": "llama", "rms_norm_eps": 1e-5, "rope_theta": 5e5},
            **{"bos_token_id": 128000, "eos_token_ids": (128001,)},
        },
        "Llama-3.1": {
            **{"family": "llama", "rms_norm_eps": 1e-5, "rope_theta": 5e5},
            **{"bos_token_id": 128000, "eos_token_ids": (128001,)},
            "rope_scaling": RopeScaling(8.0, 1.0, 4.0, 8192),
        },
        "Llama-3.2": {
            **{"family": "llama", "rms_norm_eps": 1e-5, "rope_theta": 5e5},
            **{"bos_token_id": 128000, "eos_token_ids": (128001,)},
            "rope_scaling": RopeScaling(32.0, 1.0, 4.0, 8192),
        },
        # published only as an instruction model, whose answers have three ends
        "Llama-3.3": {
            **{"family": "llama", "rms_norm_eps": 1e-5, "rope_theta": 5e5},
            **{"bos_token_id": 128000, "eos_token_ids": (128001, 128008, 128009)},
            "rope_scaling": RopeScaling(8.0, 1.0, 4.0, 8192),
        },
    }
)

# Where a model departs from its generation.
_EXCEPTIONS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        name: {"rms_norm_eps": 1e-5}
        for name in ("Qwen2-72B", "Qwen2.5-14B", "Qwen2.5-32B", "Qwen2.5-72B")
    }
)

# Source: the models' published config.json files. Columns: see _SIZES.
# fmt: off
_PUBLISHED: Mapping[str, tuple[Any, ...]] = MappingProxyType({
    "Qwen2-0.5B":     (  896,  24,  14, 2,  64,  4864, 151936, 131072, True),
    "Qwen2-1.5B":     ( 1536,  28,  12, 2, 128,  8960, 151936, 131072, True),
    "Qwen2-7B":       ( 3584,  28,  28, 4, 128, 18944, 152064, 131072, False),
    "Qwen2-72B":      ( 8192,  80,  64, 8, 128, 29568, 152064, 131072, False),
    "Qwen2.5-0.5B":   (  896,  24,  14, 2,  64,  4864, 151936,  32768, True),
    "Qwen2.5-1.5B":   ( 1536,  28,  12, 2, 128,  8960, 151936, 131072, True),
    "Qwen2.5-3B":     ( 2048,  36,  16, 2, 128, 11008, 151936,  32768, True),
    "Qwen2.5-7B":     ( 3584,  28,  28, 4, 128, 18944, 152064, 131072, False),
    "Qwen2.5-14B":    ( 5120,  48,  40, 8, 128, 13824, 152064, 131072, False),
    "Qwen2.5-32B":    ( 5120,  64,  40, 8, 128, 27648, 152064, 131072, False),
    "Qwen2.5-72B":    ( 8192,  80,  64, 8, 128, 29568, 152064, 131072, False),
    "Qwen3-0.6B":     ( 1024,  28,  16, 8, 128,  3072, 151936,  40960, True),
    "Qwen3-1.7B":     ( 2048,  28,  16, 8, 128,  6144, 151936,  40960, True),
    "Qwen3-4B":       ( 2560,  36,  32, 8, 128,  9728, 151936,  40960, True),
    "Qwen3-8B":       ( 4096,  36,  32, 8, 128, 12288, 151936,  40960, False),
    "Qwen3-14B":      ( 5120,  40,  40, 8, 128, 17408, 151936,  40960, False),
    "Qwen3-32B":      ( 5120,  64,  64, 8, 128, 25600, 151936,  40960, False),
    "Llama-3-8B":     ( 4096,  32,  32, 8, 128, 14336, 128256,   8192, False),
    "Llama-3-70B":    ( 8192,  80,  64, 8, 128, 28672, 128256,   8192, False),
    "Llama-3.1-8B":   ( 4096,  32,  32, 8, 128, 14336, 128256, 131072, False),
    "Llama-3.1-70B":  ( 8192,  80,  64, 8, 128, 28672, 128256, 131072, False),
    "Llama-3.1-405B": (16384, 126, 128, 8, 128, 53248, 128256, 131072, False),
    "Llama-3.2-1B":   ( 2048,  16,  32, 8,  64,  8192, 128256, 131072, True),
    "Llama-3.2-3B":   ( 3072,  28,  24, 8, 128,  8192, 128256, 131072, True),
    "Llama-3.3-70B":  ( 8192,  80,  64, 8, 128, 28672, 128256, 131072, False),
})

# Small models for training from random weights. Same width and depth on both sides of a duel, so
# that trainable parameters agree to 0.1 %. The vocabulary is that of the run's own tokenizer.
_SCRATCH: Mapping[str, tuple[str, tuple[Any, ...]]] = MappingProxyType({
    "qwen2-nano":   ("Qwen2.5", (128, 4, 4, 2, 32, 448, None, 2048, True)),
    "qwen3-nano":   ("Qwen3",   (128, 4, 4, 2, 32, 448, None, 2048, True)),
    "llama3-nano":  ("Llama-3", (128, 4, 4, 2, 32, 448, None, 2048, True)),
    "qwen3-micro":  ("Qwen3",   (256, 8, 4, 2, 64, 896, None, 2048, True)),
    "llama3-micro": ("Llama-3", (256, 8, 4, 2, 64, 896, None, 2048, True)),
})
# fmt: on

# The families draw weights with a deviation of 0.02 at widths from 1,024 up. The outputs of narrow
# layers would be too faint with it (training then idles for its first epochs), so the deviation
# grows as the width shrinks: that of an output is deviation x sqrt(width).
_DEVIATION, _WIDTH = 0.02, 1024

PRESETS: tuple[str, ...] = tuple(_PUBLISHED)
SCRATCH_PRESETS: tuple[str, ...] = tuple(_SCRATCH)


def preset(name: str) -> ModelConfig:
    """Return the architecture of a published model, such as "Qwen2.5-0.5B" or "Llama-3.2-1B".

    Raises:
        LeitaiError: there is no such preset.
    """
    _check(name, PRESETS)
    generation = _GENERATIONS[max((key for key in _GENERATIONS if name.startswith(key)), key=len)]
    return _make({**generation, **_EXCEPTIONS.get(name, {})}, _PUBLISHED[name])


def scratch_config(
    name: str,
    vocab_size: int,
    *,
    bos_token_id: int | None = None,
    eos_token_ids: tuple[int, ...] = (),
    pad_token_id: int | None = None,
) -> ModelConfig:
    """Return a small faithful architecture to train from random weights.

    Args:
        name: one of `SCRATCH_PRESETS`, such as "qwen3-nano".
        vocab_size: the size of the run's own tokenizer.
        bos_token_id: its first token of a text, if it has one.
        eos_token_ids: its ids that end an answer or a text.
        pad_token_id: its padding id.

    Raises:
        LeitaiError: there is no such preset.
    """
    _check(name, SCRATCH_PRESETS)
    generation, sizes = _SCRATCH[name]
    return replace(
        _make(_GENERATIONS[generation], sizes),
        vocab_size=vocab_size,
        initializer_range=round(_DEVIATION * math.sqrt(_WIDTH / sizes[0]), 4),
        bos_token_id=bos_token_id,
        eos_token_ids=eos_token_ids,
        pad_token_id=pad_token_id,
    )


def parameter_count(config: ModelConfig, *, embedding: bool = True) -> int:
    """Count a model's parameters, a tied head once.

    Args:
        config: the architecture.
        embedding: whether to count the embedding and an untied head.
    """
    hidden, traits = config.hidden_size, config.traits
    queries = config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim
    attention = hidden * (2 * queries + 2 * keys)
    attention += (queries + 2 * keys) * traits.qkv_bias + 2 * config.head_dim * traits.qk_norm
    block = attention + 3 * hidden * config.intermediate_size + 2 * hidden
    total = config.num_hidden_layers * block + hidden
    if embedding:
        total += config.vocab_size * hidden * (1 if config.tie_word_embeddings else 2)
    return total


def _make(generation: Mapping[str, Any], sizes: tuple[Any, ...]) -> ModelConfig:
    return ModelConfig(
        **{"rope_scaling": None} | dict(generation), **dict(zip(_SIZES, sizes, strict=True))
    )


def _check(name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(known)}"
        raise LeitaiError(f"no preset is named {name!r}", remedy=hint)
