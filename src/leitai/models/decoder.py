"""The decoder of both families, on one page.

A block is pre-norm attention and a pre-norm gated feed-forward network, each added to its input. A
Llama 3 block is exactly that. Qwen differs in attention alone (see `attention.py`): Qwen2 and
Qwen2.5 add biases to q, k and v, Qwen3 normalises q and k per head. The remaining differences are
numbers: sizes, epsilon, rotary base and scaling, and whether the output head is tied.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from leitai.models.attention import Attention
from leitai.models.cache import Past
from leitai.models.config import ModelConfig
from leitai.models.norm import RMSNorm
from leitai.models.rotary import Rotary


class MLP(nn.Module):
    """SwiGLU (Shazeer, arXiv 2002.05202): down(silu(gate(x)) * up(x))."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., hidden] to [..., hidden]."""
        out: Tensor = self.down_proj(silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Block(nn.Module):
    """One layer of the residual stream."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.self_attn = Attention(config, layer)
        self.mlp = MLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None, cache: Past | None
    ) -> Tensor:
        """Map the residual stream [B, T, hidden] to the next layer's."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask, cache)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Trunk(nn.Module):
    """Embedding, blocks and final norm: what Hugging Face's tensor names put under `model.`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        # Not drawn at random here: on the meta device that alone would import half of torch (2 s).
        weight = torch.empty(config.vocab_size, config.hidden_size)
        self.embed_tokens: nn.Embedding = nn.Embedding.from_pretrained(weight, freeze=False)  # type: ignore[no-untyped-call]
        self.layers = nn.ModuleList(Block(config, i) for i in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)


class Decoder(nn.Module):
    """A causal language model of either family.

    `state_dict()` has exactly Hugging Face's tensor names. A tied head has no tensor of its own: it
    reads the embedding, so the two cannot come apart.

    Weights are undefined until `load_decoder` or `init_decoder` fills them.

    Attributes:
        config: the architecture.
        model: the trunk; `model.layers[i]` is a `Block`.
        lm_head: the output projection, or None when it is tied to the embedding.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Trunk(config)
        self.lm_head: nn.Linear | None = None
        if not config.tie_word_embeddings:
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self._rotary = Rotary(config)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The weights' number format."""
        return self.model.embed_tokens.weight.dtype

    def forward(
        self,
        ids: Tensor,
        *,
        positions: Tensor | None = None,
        cache: Past | None = None,
    ) -> Tensor:
        """Run the trunk.

        Rows are right-padded: with causal attention, what stands after a row's end changes nothing
        in the row, so the padding id may be any id.

        Args:
            ids: token ids, [B, T], int64.
            positions: rotary positions, [B or 1, T]; by default counted from the row's start, the
                cached tokens included.
            cache: keys and values of earlier tokens. Those of `ids` are added and each row's length
                grows by T; after a padded batch, give the true lengths to `cache.set_lengths`.

        Returns:
            The residual stream after the final norm, [B, T, hidden].
        """
        steps = ids.shape[1]
        if positions is None:
            positions = torch.arange(steps, device=ids.device)[None]
            if cache is not None:
                positions = positions + cache.lengths[:, None]
        mask = None if cache is None else cache.begin(steps)
        x: Tensor = self.model.embed_tokens(ids)
        cos, sin = self._rotary(positions, x.dtype)
        for block in self.model.layers:
            x = block(x, cos, sin, mask, cache)
        if cache is not None:
            cache.finish(steps)
        return cast(Tensor, self.model.norm(x))

    def logits(self, hidden: Tensor) -> Tensor:
        """Map hidden rows [..., hidden] to logits [..., vocab]. Call it on the rows you need."""
        if self.lm_head is None:
            return linear(hidden, self.model.embed_tokens.weight)
        out: Tensor = self.lm_head(hidden)
        return out
