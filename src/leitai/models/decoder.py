"""The decoder of both families, on one page.

A block is pre-norm attention and a pre-norm gated feed-forward network, each added to its input. A
Llama 3 block is exactly that. Qwen differs in attention alone (see `attention.py`): Qwen2 and
Qwen2.5 add biases to q, k and v, Qwen3 normalises q and k per head. The remaining differences are
numbers: sizes, epsilon, rotary base and scaling, and whether the output head is tied.
"""

from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from leitai.base import LeitaiError
from leitai.forest import VirtualTokens
from leitai.kernels import silu_mul
from leitai.kernels.matvec import describe, matvec, takes
from leitai.kernels.pages import use_huge_pages
from leitai.models.attention import Attention
from leitai.models.config import ModelConfig
from leitai.models.native import NativeBlocks
from leitai.models.norm import RMSNorm
from leitai.models.quantized_linear import QuantizedLinear
from leitai.models.rotary import Rotary
from leitai.models.scope import AttentionScope, Causal
from leitai.models.virtual import Prefix


class MLP(nn.Module):
    """SwiGLU (Shazeer, arXiv 2002.05202): down(silu(gate(x)) * up(x))."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., hidden] to [..., hidden]."""
        out: Tensor = self.down_proj(silu_mul(self.gate_proj(x), self.up_proj(x)))
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
        self,
        x: Tensor,
        cos: Tensor,
        sin: Tensor,
        scope: AttentionScope,
        places: Tensor | None = None,
    ) -> Tensor:
        """Map the residual stream [B, T, hidden] to the next layer's, or to that of `places`."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, scope)
        if places is not None:
            x = x.index_select(1, places)
            if not len(places):  # only the keys and values were wanted, as of part of a prompt
                return x
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
        activation_checkpointing: whether training keeps each block's input alone and computes the
            block again on the way back (Chen et al., arXiv 1604.06174).
        lm_head: the output projection, or None when it is tied to the embedding.
        score: the head over `config.labels` of a classifier, which has no other head; else None.
        prefix: what makes the virtual tokens that every row begins with, if an adapter adds any.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Trunk(config)
        self.activation_checkpointing = False
        self.lm_head: nn.Linear | QuantizedLinear | None = None
        self.score: nn.Linear | None = None
        if config.labels:
            self.score = nn.Linear(config.hidden_size, len(config.labels), bias=False)
        elif not config.tie_word_embeddings:
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.prefix: Prefix | None = None
        self._rotary = Rotary(config)
        self._native: NativeBlocks | None = None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The weights' number format."""
        return self.model.embed_tokens.weight.dtype

    @property
    def compute_dtype(self) -> torch.dtype:
        """The blocks' number format; another than the embedding's in mixed precision."""
        return self.model.norm.weight.dtype

    @property
    def head_weight(self) -> Tensor:
        """The output projection, [V, hidden]: when it is tied, the embedding in the blocks' dtype.

        Raises:
            LeitaiError: it is quantised, or the model is a classifier.
        """
        if self.score is not None:
            raise LeitaiError(
                "the model is a classifier and predicts no tokens",
                remedy="use a base without a classification head",
            )
        if isinstance(self.lm_head, QuantizedLinear):
            raise LeitaiError(
                "quantised weights cannot be trained", remedy="load the model as float32"
            )
        if self.lm_head is None:
            return self.model.embed_tokens.weight.to(self.compute_dtype)
        return self.lm_head.weight

    def forward(
        self, ids: Tensor, *, scope: AttentionScope | None = None, places: Tensor | None = None
    ) -> Tensor:
        """Run the trunk.

        By default rows are right-padded and attend causally: what stands after a row's end changes
        nothing in the row, so the padding id may be any id.

        Args:
            ids: token ids, [B, T], int64.
            scope: which keys each token sees, and at which positions the tokens stand.
            places: of [T], the tokens whose states are wanted, [P]; None: all. The last block's
                feed-forward network is then applied to no others, for nothing looks at them.

        Returns:
            The residual stream after the final norm, [B, T, hidden] or [B, P, hidden].
        """
        virtual = self.prefix.tokens(self) if self.prefix is not None else None
        x = self.model.embed_tokens(ids).to(self.compute_dtype)
        return self.run(x, scope or Causal(), virtual, places)

    def run(
        self,
        x: Tensor,
        scope: AttentionScope,
        virtual: VirtualTokens | None,
        places: Tensor | None = None,
    ) -> Tensor:
        """Run the blocks and the final norm on embeddings, [B, T, hidden]; see `forward`."""
        steps = x.shape[1]
        positions = scope.begin(steps, x.device, virtual)
        if virtual is not None:
            positions = positions + virtual.count
        cos, sin = self._rotary(positions, x.dtype)
        native = self._native_blocks() if takes(x) else None
        if native is not None:
            x = native.run(x, cos, sin, scope)
            x = x if places is None else x.index_select(1, places)
        else:
            again = self.activation_checkpointing and self.training and torch.is_grad_enabled()
            *below, top = self.model.layers
            for block in below:
                x = _recomputed(block, x, cos, sin, scope) if again else block(x, cos, sin, scope)
            # A place may be asked for several times: then it is cheaper to choose afterwards.
            early = places if places is not None and len(places) <= steps else None
            run = partial(_recomputed, top) if again else top
            x = run(x, cos, sin, scope, early)
            x = x if places is early else x.index_select(1, cast(Tensor, places))
        scope.finish(steps)
        return cast(Tensor, self.model.norm(x))

    def _native_blocks(self) -> NativeBlocks | None:
        if self._native is None or not self._native.current():
            self._native = NativeBlocks(self.model.layers)
            use_huge_pages((*self.parameters(), *self.buffers()))
        return self._native if self._native.usable else None

    def logits(self, hidden: Tensor) -> Tensor:
        """Map hidden rows [..., hidden] to logits [..., vocab]. Call it on the rows you need.

        A classifier's logits are those of its labels, [..., labels].
        """
        if self.score is not None:
            return cast(Tensor, self.score(hidden))
        if self.lm_head is not None and type(self.lm_head) is not nn.Linear:
            return cast(Tensor, self.lm_head(hidden))
        weight = self.head_weight
        if takes(hidden) and weight.dtype == torch.bfloat16 and weight.is_contiguous():
            matrix = describe(len(weight), weight.shape[1], 16, weight, None, None)
            rows = hidden.reshape(-1, weight.shape[1]).contiguous()
            return matvec(matrix, rows).view(*hidden.shape[:-1], -1)
        return linear(hidden, weight)


def _recomputed(
    block: nn.Module,
    x: Tensor,
    cos: Tensor,
    sin: Tensor,
    scope: AttentionScope,
    places: Tensor | None = None,
) -> Tensor:
    """Run a block, keeping its input alone; the second run draws the dropout of the first."""
    from torch.utils.checkpoint import checkpoint

    if not (x.requires_grad or any(p.requires_grad for p in block.parameters())):
        return cast(Tensor, block(x, cos, sin, scope, places))  # nothing of it is kept anyway
    return cast(Tensor, checkpoint(block, x, cos, sin, scope, places, use_reentrant=False))
