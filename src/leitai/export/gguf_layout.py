"""How GGUF lays out a decoder: tensor names, the order of rotated rows, number formats.

The layout is llama.cpp's (`convert_hf_to_gguf.py`, `gguf-py/gguf/constants.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from leitai.base import LeitaiError
from leitai.models import ModelConfig
from leitai.models.rotary import inverse_frequencies

ROPE_FACTORS = "rope_freqs.weight"
"""By how much each pair's rotation is slowed, [head_dim / 2]; present where RoPE is scaled."""

_OUTER = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_BLOCK = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_PREFIX = "model.layers."

# llama.cpp rotates neighbouring rows of a head in this architecture (as Meta's files order them),
# and rows half a head apart, as Hugging Face's files do, in the others.
_NEIGHBOURS_ROTATE = frozenset({"llama"})


@dataclass(frozen=True, slots=True)
class Format:
    """A number format of matrices; vectors are always float32.

    Attributes:
        matrix: name of the GGML type of matrices.
        outer: the same, of the embedding and the head.
        file_type: name in gguf's `LlamaFileType`.
        tolerance: how far logits may be off, as a share of their norm.
    """

    matrix: str
    outer: str
    file_type: str
    tolerance: float


# The tolerances are about three times what decoders with random weights, which forgive less than
# trained ones, have shown. Embedding and head keep 8 bits beside blocks of 4: they cost most there.
FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "f32": Format("F32", "F32", "ALL_F32", 1e-5),
        "f16": Format("F16", "F16", "MOSTLY_F16", 3e-3),
        "bf16": Format("BF16", "BF16", "MOSTLY_BF16", 2e-2),
        "q8_0": Format("Q8_0", "Q8_0", "MOSTLY_Q8_0", 5e-2),
        "q4_0": Format("Q4_0", "Q8_0", "MOSTLY_Q4_0", 6e-1),
    }
)


def gguf_name(name: str) -> str:
    """Return the GGUF name of a decoder's tensor."""
    if name in _OUTER:
        return _OUTER[name]
    layer, _, rest = name.removeprefix(_PREFIX).partition(".")
    module, _, leaf = rest.rpartition(".")
    return f"blk.{layer}.{_BLOCK[module]}.{leaf}"


def is_outer(name: str) -> bool:
    """Whether a decoder's tensor stands outside the blocks."""
    return name in _OUTER


def to_gguf_order(tensor: Tensor, name: str, config: ModelConfig) -> Tensor:
    """Order the rows of a q or k projection as the architecture's rotation expects them."""
    heads = _rotated_heads(name, config)
    if heads is None:
        return tensor
    parts = tensor.reshape(heads, 2, config.head_dim // 2, *tensor.shape[1:])
    return parts.transpose(1, 2).reshape(tensor.shape)


def from_gguf_order(tensor: Tensor, name: str, config: ModelConfig) -> Tensor:
    """Undo `to_gguf_order`."""
    heads = _rotated_heads(name, config)
    if heads is None:
        return tensor
    parts = tensor.reshape(heads, config.head_dim // 2, 2, *tensor.shape[1:])
    return parts.transpose(1, 2).reshape(tensor.shape)


def rope_factors(config: ModelConfig) -> Tensor | None:
    """Return what GGUF stores of a scaled rotation, [head_dim / 2], float32; None if unscaled."""
    if config.rope_scaling is None:
        return None
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    return 1.0 / (config.rope_theta**exponents) / inverse_frequencies(config)


def check_rope_factors(found: Tensor | None, config: ModelConfig, where: object) -> None:
    """Refuse factors that are not those of the configuration.

    Raises:
        LeitaiError: they are absent, surplus or differ.
    """
    wanted = rope_factors(config)
    same = found is None if wanted is None else found is not None
    if wanted is not None and found is not None:
        same = found.shape == wanted.shape and torch.allclose(found, wanted, rtol=1e-5, atol=0.0)
    if not same:
        raise LeitaiError(f"{ROPE_FACTORS} does not hold the model's rotary scaling", where=where)


def _rotated_heads(name: str, config: ModelConfig) -> int | None:
    if config.family not in _NEIGHBOURS_ROTATE:
        return None
    if ".q_proj." in name:
        return config.num_attention_heads
    return config.num_key_value_heads if ".k_proj." in name else None
