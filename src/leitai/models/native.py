"""A decoder's blocks for a few tokens at a time, without gradients, by native kernels.

The kernels read the modules' own tensors, dense bfloat16 or quantised; nothing is copied.
"""

from collections.abc import Iterator
from operator import getitem, is_
from typing import Any, cast

import torch
from torch import Tensor, nn

from leitai.kernels.block import Block, after_attention, before_attention
from leitai.kernels.matvec import Matrix, describe
from leitai.models.norm import RMSNorm
from leitai.models.quantized_linear import QuantizedLinear
from leitai.models.scope import AttentionScope


class NativeBlocks:
    """What the kernels need to know about the blocks, as long as nobody replaces a weight."""

    def __init__(self, layers: nn.ModuleList) -> None:
        """Describe `layers`; `usable` says whether all of them are of a kind the kernels know."""
        modules = [
            (owner._modules, name, module)
            for owner in layers.modules()
            for name, module in owner._modules.items()
        ]
        self._tensors = [
            (cast("dict[str, Tensor]", table), name, tensor.data_ptr())
            for module in layers.modules()
            for table in (module._parameters, module._buffers)
            for name, tensor in table.items()
            if tensor is not None
        ]
        # In columns: `current` looks at hundreds of them every step.
        self._owners, self._names, self._modules = zip(*modules, strict=True)
        self.usable = all(map(_known, _leaves(layers)))
        self._blocks = [_describe(layer) for layer in layers] if self.usable else []

    def current(self) -> bool:
        """Whether the modules and tensors are still those described."""
        return all(map(is_, map(getitem, self._owners, self._names), self._modules)) and all(
            table[name].data_ptr() == place for table, name, place in self._tensors
        )

    def run(self, x: Tensor, cos: Tensor, sin: Tensor, scope: AttentionScope) -> Tensor:
        """Map the residual stream [B, T, hidden] through all blocks.

        Args:
            x: [B, T, hidden], bfloat16, few tokens.
            cos: [B or 1, 1, T, head_dim].
            sin: the same.
            scope: which keys each query sees.
        """
        rows, steps, _ = x.shape
        cos, sin = (
            table[:, 0].expand(rows, -1, -1).flatten(0, 1).contiguous() for table in (cos, sin)
        )
        shape = (rows, steps, -1, cos.shape[-1])
        stream = x.reshape(rows * steps, -1)
        for layer, block in enumerate(self._blocks):
            q, k, v = before_attention(block, stream, cos, sin)
            out = scope.attend(
                layer,
                q.view(shape).transpose(1, 2),
                k.view(shape).transpose(1, 2),
                v.view(shape).transpose(1, 2),
            )
            stream = after_attention(block, stream, out.transpose(1, 2).reshape(rows * steps, -1))
        return stream.view(x.shape)


def _leaves(layers: nn.ModuleList) -> Iterator[nn.Module]:
    return (module for module in layers.modules() if not module._modules)


def _known(module: nn.Module) -> bool:
    if type(module) is nn.Linear:
        return module.weight.is_contiguous() and module.weight.dtype == torch.bfloat16
    if type(module) is QuantizedLinear:
        return module.bias is None or module.bias.dtype == torch.bfloat16
    return type(module) is RMSNorm and module.weight.dtype == torch.bfloat16


def _describe(layer: Any) -> Block:
    attention, mlp = layer.self_attn, layer.mlp
    norms = [layer.input_layernorm, layer.post_attention_layernorm]
    norms += [attention.q_norm, attention.k_norm]
    projections = (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj)
    return Block(
        *map(_matrix, (*projections, mlp.gate_proj, mlp.up_proj, mlp.down_proj)),
        *(None if norm is None else norm.weight.data_ptr() for norm in norms),
        layer.input_layernorm.weight.numel(),
        attention.head_dim,
        layer.input_layernorm.eps,
    )


def _matrix(module: nn.Linear | QuantizedLinear) -> Matrix:
    if isinstance(module, QuantizedLinear):
        return module.matrix()
    return describe(module.out_features, module.in_features, 16, module.weight, None, module.bias)
