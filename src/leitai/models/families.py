"""What differs between the families, as data: the rest of the code reads this table."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Family:
    """One `model_type` of `config.json`.

    Attributes:
        name: the `model_type`.
        architecture: the class name that `config.json` gives under `architectures`.
        qkv_bias: q, k and v projections carry a bias (Qwen2, Qwen2.5).
        qk_norm: q and k are RMS-normalised per head before the rotation (Qwen3).
        explicit_head_dim: `config.json` states `head_dim`; elsewhere it is hidden / heads.
        rope_types: the rotary frequency rules that released checkpoints of the family use.
        sliding_window: `config.json` has the fields of windowed attention, which no supported
            checkpoint puts to use.
        defaults: what a field means when `config.json` leaves it out; the values are those of
            the reference implementation's configuration class.
    """

    name: str
    architecture: str
    qkv_bias: bool
    qk_norm: bool
    explicit_head_dim: bool
    rope_types: tuple[str, ...]
    sliding_window: bool
    defaults: Mapping[str, Any]


_COMMON: dict[str, Any] = {
    "rms_norm_eps": 1e-6,
    "rope_theta": 10_000.0,
    "tie_word_embeddings": False,
    "initializer_range": 0.02,
}

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "qwen2": Family(
            name="qwen2",
            architecture="Qwen2ForCausalLM",
            qkv_bias=True,
            qk_norm=False,
            explicit_head_dim=False,
            rope_types=("default",),
            sliding_window=True,
            defaults=_COMMON | {"max_position_embeddings": 32_768},
        ),
        "qwen3": Family(
            name="qwen3",
            architecture="Qwen3ForCausalLM",
            qkv_bias=False,
            qk_norm=True,
            explicit_head_dim=True,
            rope_types=("default",),
            sliding_window=True,
            defaults=_COMMON | {"max_position_embeddings": 32_768, "head_dim": 128},
        ),
        "llama": Family(
            name="llama",
            architecture="LlamaForCausalLM",
            qkv_bias=False,
            qk_norm=False,
            explicit_head_dim=True,
            rope_types=("default", "llama3"),
            sliding_window=False,
            defaults=_COMMON | {"max_position_embeddings": 2_048},
        ),
    }
)

# Fields that change the arithmetic of the block and are supported at these values alone (or null).
NEUTRAL_FIELDS: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "hidden_act": ("silu", "swish"),
        "attention_bias": (False,),
        "mlp_bias": (False,),
        "attention_dropout": (0,),
        "hidden_dropout": (0,),
        "residual_dropout": (0,),
        "embd_pdrop": (0,),
        "partial_rotary_factor": (1,),
        "pretraining_tp": (1,),
        "use_mrope": (False,),
        "quantization_config": ({}, False),
        "attn_logit_softcapping": (False,),
        "final_logit_softcapping": (False,),
        "is_encoder_decoder": (False,),
        "add_cross_attention": (False,),
        "cross_attention_hidden_size": (False,),
        "pruned_heads": ({}, False),
        "use_bidirectional_attention": (False,),
        "is_causal": (True,),
    }
)

WINDOW_FIELDS = frozenset(
    ("use_sliding_window", "sliding_window", "max_window_layers", "layer_types")
)

# Fields that say nothing about the arithmetic of one forward pass.
# fmt: off
IGNORED_FIELDS = frozenset((
    "architectures", "auto_map", "model_type", "dtype", "torch_dtype", "transformers_version",
    "use_cache", "_name_or_path", "name_or_path", "_attn_implementation",
    "_attn_implementation_autoset", "output_attentions", "output_hidden_states", "return_dict",
    "use_return_dict", "torchscript", "use_bfloat16", "tf_legacy_loss",
    "chunk_size_feed_forward", "is_decoder", "tie_encoder_decoder", "finetuning_task",
    "id2label", "label2id", "num_labels", "problem_type", "task_specific_params",
    "tokenizer_class", "prefix", "sep_token_id", "decoder_start_token_id",
    "forced_bos_token_id", "forced_eos_token_id", "begin_suppress_tokens", "suppress_tokens",
    "max_length", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups",
    "diversity_penalty", "temperature", "top_k", "top_p", "typical_p", "repetition_penalty",
    "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids",
    "num_return_sequences", "output_scores", "return_dict_in_generate", "remove_invalid_values",
    "exponential_decay_length_penalty", "original_max_position_embeddings", "unsloth_version",
    "unsloth_fixed",
))
# fmt: on
