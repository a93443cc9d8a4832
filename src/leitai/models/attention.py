"""Grouped-query attention (Ainslie et al., arXiv 2305.13245)."""

from typing import cast

from torch import Tensor, nn

from leitai.kernels import rotate
from leitai.models.config import ModelConfig
from leitai.models.norm import RMSNorm
from leitai.models.scope import AttentionScope


class Attention(nn.Module):
    """Self-attention; each of `num_key_value_heads` serves a group of query heads.

    Where the families differ: Qwen2 and Qwen2.5 have biases on q, k and v; Qwen3 normalises q and k
    per head before the rotation; Llama 3 has neither.
    """

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.head_dim = config.head_dim
        queries = config.num_attention_heads * config.head_dim
        keys = config.num_key_value_heads * config.head_dim
        bias = config.traits.qkv_bias
        self.q_proj = nn.Linear(config.hidden_size, queries, bias=bias)
        self.k_proj = nn.Linear(config.hidden_size, keys, bias=bias)
        self.v_proj = nn.Linear(config.hidden_size, keys, bias=bias)
        self.o_proj = nn.Linear(queries, config.hidden_size, bias=False)
        self.q_norm = self.k_norm = cast("RMSNorm | None", None)
        if config.traits.qk_norm:
            self.q_norm = RMSNorm(config.head_dim, config.rms_norm_eps)
            self.k_norm = RMSNorm(config.head_dim, config.rms_norm_eps)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, scope: AttentionScope) -> Tensor:
        """Attend from each token to those that `scope` lets it see.

        Args:
            x: [B, T, hidden].
            cos: cosines of the rotation, [B or 1, 1, T, head_dim].
            sin: its sines.
            scope: which keys each query sees.

        Returns:
            [B, T, hidden].
        """
        rows, steps, _ = x.shape
        shape = (rows, steps, -1, self.head_dim)
        q, k = self.q_proj(x).view(shape), self.k_proj(x).view(shape)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        q = rotate(q.transpose(1, 2), cos, sin)
        k = rotate(k.transpose(1, 2), cos, sin)
        v = self.v_proj(x).view(shape).transpose(1, 2)
        out = scope.attend(self.layer, q, k, v)
        joined: Tensor = self.o_proj(out.transpose(1, 2).reshape(rows, steps, -1))
        return joined
