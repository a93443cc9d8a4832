"""Low-rank adaptation of linear layers (Hu et al., arXiv 2106.09685)."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear

from leitai.base import LeitaiError
from leitai.models import Decoder

MERGE_TOLERANCE = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""How far merging may move the logits, as norm of the change by norm of the logits.

It is the rounding of the dtype carried through the blocks; a wrong merge is off by orders more.
"""


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
    """

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
        # Laid out without memory first: nn.Linear itself would use up the caller's random numbers.
        with torch.device("meta"):
            self.lora_A = nn.Linear(self.in_features, rank, bias=False, dtype=torch.float32)
            self.lora_B = nn.Linear(rank, self.out_features, bias=False, dtype=torch.float32)
        if not base.weight.is_meta:  # drawn on the CPU, so that the device does not change the draw
            self.lora_A.to_empty(device="cpu")
            self.lora_B.to_empty(device="cpu")
            nn.init.kaiming_uniform_(self.lora_A.weight, a=math.sqrt(5), generator=generator)
            nn.init.zeros_(self.lora_B.weight)
            self.lora_A.to(base.weight.device)
            self.lora_B.to(base.weight.device)
        self.scaling = scaling
        self.dropout = dropout

    @property
    def rank(self) -> int:
        """Inner size of the update."""
        return self.lora_A.out_features

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., in] to [..., out] in the dtype of `x`."""
        factors = self.lora_A.weight, self.lora_B.weight
        if self.training and self.dropout:
            update = linear(
                linear(dropout(x, self.dropout), factors[0].to(x.dtype)), factors[1].to(x.dtype)
            )
            return torch.add(linear(x, self.weight, self.bias), update, alpha=self.scaling)
        flat = x.reshape(-1, self.in_features)
        out: Tensor = _LowRankUpdate.apply(flat, self.weight, self.bias, *factors, self.scaling)  # type: ignore[no-untyped-call]
        return out.view(*x.shape[:-1], self.out_features)

    def merged(self) -> nn.Linear:
        """Return a plain linear layer with the update added to the weight, rounded once.

        The weight is the same parameter, changed in place, so that a large model needs no second
        copy; its bias is kept.
        """
        update = self.lora_B.weight.double() @ self.lora_A.weight.double()
        with torch.no_grad():
            self.weight.copy_(self.weight.double().add_(update, alpha=self.scaling))
        plain = nn.Linear(self.in_features, self.out_features, bias=False, device="meta")
        plain.weight, plain.bias = self.weight, self.bias
        return plain


class _LowRankUpdate(torch.autograd.Function):
    """y = x W^T + b + s (x A^T) B^T with W and b frozen; keeps x and x A^T, and nothing twice.

    With g the gradient of y and h = s g B:  dx = g W + h A,  dA = h^T x,  dB = s g^T (x A^T).
    The factors are used in the dtype of x, and their gradients returned in float32.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        factor_a: Tensor,
        factor_b: Tensor,
        scaling: float,
    ) -> Tensor:
        inner = x @ factor_a.to(x.dtype).T
        out = linear(x, weight, bias).addmm_(inner, factor_b.to(x.dtype).T, alpha=scaling)
        ctx.save_for_backward(x, inner, weight, factor_a, factor_b)
        ctx.scaling = scaling
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, inner, weight, factor_a, factor_b = ctx.saved_tensors
        (grad,) = gradients
        through_b = (grad @ factor_b.to(grad.dtype)).mul_(ctx.scaling)
        into_x = None
        if ctx.needs_input_grad[0]:
            into_x = (grad @ weight).addmm_(through_b, factor_a.to(grad.dtype))
        into_a = (through_b.T @ x).to(factor_a.dtype)
        into_b = (grad.T @ inner).to(factor_b.dtype).mul_(ctx.scaling)
        return into_x, None, None, into_a, into_b, None


def lora_layers(decoder: Decoder) -> Iterator[tuple[str, LoRALinear]]:
    """Yield the adapted layers and their names, in the order of the model."""
    for name, module in decoder.named_modules():
        if isinstance(module, LoRALinear):
            yield name, module


def put(decoder: Decoder, name: str, module: nn.Module) -> None:
    """Replace the module called `name`."""
    parent, _, child = name.rpartition(".")
    setattr(decoder.get_submodule(parent), child, module)


def _probe(decoder: Decoder) -> Tensor:
    """Logits [2, 16, V] of fixed random tokens, float32."""
    generator = torch.Generator().manual_seed(20_240_726)
    ids = torch.randint(decoder.config.vocab_size, (2, 16), generator=generator)
    with torch.no_grad():
        return decoder.logits(decoder(ids.to(decoder.device))).float()


def merge(decoder: Decoder) -> None:
    """Add every adapter's update to its weight, in place, and check that the logits did not change.

    A tied head stays tied: adapters sit on layers of the blocks alone.

    Raises:
        LeitaiError: there is no adapter, or the merged logits are not those of base plus adapter (a
            base in half precision may be too coarse for the update); the decoder's weights are then
            merged but not to be used.
    """
    layers = list(lora_layers(decoder))
    if not layers:
        raise LeitaiError("there is no adapter to merge", remedy="load an adapter first")
    was_training = decoder.training
    decoder.eval()
    before = _probe(decoder)
    for name, layer in layers:
        put(decoder, name, layer.merged())
    after = _probe(decoder)
    decoder.train(was_training)
    error = ((after - before).norm() / before.norm().clamp_min(1e-12)).item()
    if not error <= MERGE_TOLERANCE[decoder.dtype]:
        raise LeitaiError(
            f"merging would change the logits by {error:.1e} of their norm "
            f"(at most {MERGE_TOLERANCE[decoder.dtype]:.0e} is allowed in {decoder.dtype})",
            remedy="merge in float32, or keep the adapter beside its base",
        )
