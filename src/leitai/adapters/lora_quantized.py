"""LoRA over a base of 8 or 4 bits (Dettmers et al., "QLoRA", arXiv 2305.14314)."""

from typing import Any, Never

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear

from leitai.adapters.lora import make_factors
from leitai.base import LeitaiError
from leitai.models import QuantizedLinear


class QuantizedLoRALinear(nn.Module):
    """A frozen quantised layer plus a trainable low-rank update, as `LoRALinear`.

    The weight is dequantised whenever it is used and never kept: forwards for x W^T, backwards for
    the gradient of x, which is all that a frozen weight needs.

    Attributes:
        base: the quantised layer.
        lora_A: [rank, in], float32.
        lora_B: [out, rank], float32.
        scaling: the factor on B A.
        dropout: probability of zeroing an input of A while training.
    """

    additive = True

    def __init__(
        self,
        base: QuantizedLinear,
        rank: int,
        scaling: float,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.in_features, self.out_features = base.in_features, base.out_features
        self.lora_A, self.lora_B = make_factors(
            self.in_features, self.out_features, rank, base.data.device, generator
        )
        self.scaling, self.dropout = scaling, dropout

    @property
    def rank(self) -> int:
        """Inner size of the update."""
        return self.lora_A.out_features

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., in] to [..., out] in the dtype of `x`."""
        if torch.is_grad_enabled():
            out: Tensor = _FrozenProduct.apply(x.reshape(-1, self.in_features), self.base)  # type: ignore[no-untyped-call]
            out = out.view(*x.shape[:-1], self.out_features)
            if self.base.bias is not None:
                out = out + self.base.bias
        else:
            out = self.base(x)
        if self.training and self.dropout:
            x = dropout(x, self.dropout)
        return out + self.update(x)

    def update(self, x: Tensor) -> Tensor:
        """Return scaling * B A x, [..., out]."""
        inner = linear(x, self.lora_A.weight.to(x.dtype))
        return linear(inner, self.lora_B.weight.to(x.dtype)) * self.scaling

    def merged(self) -> Never:
        """Refuse: adding an update to weights of a few bits would round most of it away.

        Raises:
            LeitaiError: always.
        """
        raise LeitaiError(
            "an adapter cannot be merged into quantised weights",
            remedy="load the base in float32 or bfloat16, and the adapter onto it",
        )


class _FrozenProduct(torch.autograd.Function):
    """y = x W^T; of x alone there is a gradient, g W. Keeps nothing but the quantised layer."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, base: QuantizedLinear) -> Tensor:
        ctx.base = base
        return linear(x, base.dequantized(x.dtype))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (grad,) = gradients
        return grad @ ctx.base.dequantized(grad.dtype), None
