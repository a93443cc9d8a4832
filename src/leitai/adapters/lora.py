"""Low-rank adaptation of linear layers (Hu et al., arXiv 2106.09685)."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear

from leitai.adapters.targets import plain_linear
from leitai.kernels.packed import PackedWeight


def make_factors(
    inputs: int,
    outputs: int,
    rank: int,
    device: torch.device,
    generator: torch.Generator | None = None,
) -> tuple[nn.Linear, nn.Linear]:
    """Make A [rank, inputs], drawn as PEFT does (Kaiming uniform, a = sqrt(5)), and B = 0."""
    # Laid out without memory first: nn.Linear itself would use up the caller's random numbers.
    with torch.device("meta"):
        factor_a = nn.Linear(inputs, rank, bias=False, dtype=torch.float32)
        factor_b = nn.Linear(rank, outputs, bias=False, dtype=torch.float32)
    if device.type != "meta":  # drawn on the CPU, so that the device does not change the draw
        for factor in (factor_a, factor_b):
            factor.to_empty(device="cpu")
        nn.init.kaiming_uniform_(factor_a.weight, a=math.sqrt(5), generator=generator)
        nn.init.zeros_(factor_b.weight)
        for factor in (factor_a, factor_b):
            factor.to(device)
    return factor_a, factor_b


class LoRALinear(nn.Linear):
    """A frozen linear layer plus a trainable low-rank update: y = W x + b + scaling * B A x.

    It takes over the weight and bias of the layer it replaces, so the names in the decoder's
    `state_dict()` stay those of the checkpoint, joined by `lora_A.weight` and `lora_B.weight`. A
    and B are float32 whatever the base's dtype is (8 bits of mantissa lose their small updates) and
    take part in the arithmetic rounded to the dtype of the input.

    Attributes:
        lora_A: [rank, in], drawn as PEFT does (Kaiming uniform, a = sqrt(5)).
        lora_B: [out, rank], zero at the start, so that the model starts as the base.
        scaling: the factor on B A.
        dropout: probability of zeroing an input of A while training.
        packed: the weight as `packed_weights` keeps it; `weight` is then without memory.
    """

    additive = True

    def __init__(
        self,
        base: nn.Linear,
        rank: int,
        scaling: float,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        nn.Module.__init__(self)  # nn.Linear's own would allocate a weight
        self.in_features, self.out_features = base.in_features, base.out_features
        self.weight, self.bias = base.weight, base.bias
        self.weight.requires_grad_(False)
        if self.bias is not None:
            self.bias.requires_grad_(False)
        self.lora_A, self.lora_B = make_factors(
            self.in_features, self.out_features, rank, base.weight.device, generator
        )
        self.scaling = scaling
        self.dropout = dropout
        self.packed: PackedWeight | None = None

    @property
    def rank(self) -> int:
        """Inner size of the update."""
        return self.lora_A.out_features

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., in] to [..., out] in the dtype of `x`."""
        factors = self.lora_A.weight, self.lora_B.weight
        weight = self.weight if self.packed is None else self.packed
        flat = x.reshape(-1, self.in_features)
        if self.training and self.dropout:
            plain: Tensor = _FrozenLinear.apply(flat, weight, self.bias)  # type: ignore[no-untyped-call]
            out = plain + self.update(dropout(flat, self.dropout))
        else:
            out = low_rank_update(flat, weight, self.bias, *factors, self.scaling)
        return out.view(*x.shape[:-1], self.out_features)

    def update(self, x: Tensor) -> Tensor:
        """Return scaling * B A x, [..., out]."""
        inner = linear(x, self.lora_A.weight.to(x.dtype))
        return linear(inner, self.lora_B.weight.to(x.dtype)) * self.scaling

    def merged(self) -> nn.Linear:
        """Return a plain linear layer with the update added to the weight, rounded once.

        The weight is the same parameter, changed in place, so that a large model needs no second
        copy; its bias is kept.
        """
        update = self.lora_B.weight.double() @ self.lora_A.weight.double()
        with torch.no_grad():
            self.weight.copy_(self.weight.double().add_(update, alpha=self.scaling))
        return plain_linear(self)


def _product(x: Tensor, weight: Tensor | PackedWeight, bias: Tensor | None) -> Tensor:
    if isinstance(weight, PackedWeight):
        return weight.product(x, bias)
    return linear(x, weight, bias)


def _product_back(grad: Tensor, weight: Tensor | PackedWeight) -> Tensor:
    return weight.product_back(grad) if isinstance(weight, PackedWeight) else grad @ weight


class _FrozenLinear(torch.autograd.Function):
    """y = x W^T + b with W and b frozen: keeps neither x nor y."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | PackedWeight, bias: Tensor | None) -> Tensor:
        ctx.weight = weight
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _product_back(gradients[0], ctx.weight), None, None


class _LowRankUpdate(torch.autograd.Function):
    """y = x W^T + b + s (x A^T) B^T with W and b frozen; keeps x and x A^T, and nothing twice.

    With g the gradient of y and h = s g B:  dx = g W + h A,  dA = h^T x,  dB = s g^T (x A^T).
    The factors are used in the dtype of x, and their gradients returned in float32.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | PackedWeight,
        bias: Tensor | None,
        factor_a: Tensor,
        factor_b: Tensor,
        scaling: float,
    ) -> Tensor:
        inner = x @ factor_a.to(x.dtype).T
        out = _product(x, weight, bias).addmm_(inner, factor_b.to(x.dtype).T, alpha=scaling)
        ctx.save_for_backward(x, inner, factor_a, factor_b)
        ctx.weight, ctx.scaling = weight, scaling
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, inner, factor_a, factor_b = ctx.saved_tensors
        (grad,) = gradients
        through_b = (grad @ factor_b.to(grad.dtype)).mul_(ctx.scaling)
        into_x = None
        if ctx.needs_input_grad[0]:
            into_x = _product_back(grad, ctx.weight).addmm_(through_b, factor_a.to(grad.dtype))
        into_a = (through_b.T @ x).to(factor_a.dtype)
        into_b = (grad.T @ inner).to(factor_b.dtype).mul_(ctx.scaling)
        return into_x, None, None, into_a, into_b, None


def low_rank_update(
    x: Tensor,
    weight: Tensor | PackedWeight,
    bias: Tensor | None,
    factor_a: Tensor,
    factor_b: Tensor,
    scaling: float,
) -> Tensor:
    """Return x W^T + b + s (x A^T) B^T, with gradients of x, A and B alone.

    Args:
        x: [N, in].
        weight: W, [out, in], frozen.
        bias: b, [out], frozen, or None.
        factor_a: A, [rank, in], float32.
        factor_b: B, [out, rank], float32.
        scaling: s.
    """
    out: Tensor = _LowRankUpdate.apply(x, weight, bias, factor_a, factor_b, scaling)  # type: ignore[no-untyped-call]
    return out
