"""Low-rank adaptation of linear layers (Hu et al., arXiv 2106.09685)."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear

from leitai.adapters.interface import AdapterImplementation, Tensors
from leitai.adapters.method import LoRA
from leitai.adapters.peft_config import (
    CONFIG_FILE,
    LINEAR_FIELDS,
    PREFIX,
    WEIGHTS_FILE,
    by_layer,
    check_shapes,
    positive,
    refuse_features,
    shared,
)
from leitai.adapters.targets import (
    block_layer,
    check_complete,
    put,
    target_names,
    to_target_modules,
)
from leitai.models import Decoder

_FIELDS = LINEAR_FIELDS | {
    *("r", "lora_alpha", "lora_dropout", "use_rslora"),
    *("megatron_core", "qalora_group_size", "ensure_weight_tying"),
}
# Other ways to begin change the base's weights.
_NEUTRAL = {"bias": ("none",), "init_lora_weights": (True, False, "gaussian", "eva")}
_METHOD = "plain LoRA on linear layers"


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


class LoRAImplementation(AdapterImplementation[LoRA]):
    """LoRA on the linear layers of the blocks."""

    def put(self, decoder: Decoder, spec: LoRA, seed: int) -> None:
        """Put A and B beside each target; A is drawn, B is zero."""
        generator = torch.Generator().manual_seed(seed)
        for name in target_names(decoder, spec.targets):
            base = decoder.get_submodule(name)
            assert isinstance(base, nn.Linear)
            layer = LoRALinear(base, spec.rank, spec.scaling, spec.dropout, generator)
            put(decoder, name, layer)

    def holds(self, decoder: Decoder) -> bool:
        """Whether there is a `LoRALinear`."""
        return next(lora_layers(decoder), None) is not None

    def reads(self, config: Mapping[str, Any]) -> bool:
        """PEFT's LORA."""
        return config.get("peft_type") == "LORA"

    def to_peft(self, decoder: Decoder) -> tuple[dict[str, Any], Tensors]:
        """Return a `LoraConfig` and the tensors.

        Raises:
            LeitaiError: the layers differ in rank, scaling or dropout.
        """
        layers = dict(lora_layers(decoder))
        rank = shared([layer.rank for layer in layers.values()], "rank")
        scaling = shared([layer.scaling for layer in layers.values()], "scaling")
        alpha = round(scaling * rank) if round(scaling * rank) / rank == scaling else scaling * rank
        config = {
            "peft_type": "LORA",
            "r": rank,
            "lora_alpha": alpha,
            "lora_dropout": shared([layer.dropout for layer in layers.values()], "dropout"),
            "target_modules": to_target_modules(decoder, list(layers)),
            "bias": "none",
            "fan_in_fan_out": False,
            "init_lora_weights": True,
            "use_rslora": False,  # the scaling is already in lora_alpha
            "use_dora": False,
            "modules_to_save": None,
        }
        tensors: Tensors = {}
        for name, layer in layers.items():
            tensors[f"{PREFIX}{name}.lora_A.weight"] = layer.lora_A.weight
            tensors[f"{PREFIX}{name}.lora_B.weight"] = layer.lora_B.weight
        return config, tensors

    def from_peft(
        self, decoder: Decoder, config: Mapping[str, Any], tensors: Tensors, folder: Path
    ) -> None:
        """Put A and B beside their layers."""
        where, weights = folder / CONFIG_FILE, folder / WEIGHTS_FILE
        refuse_features(config, _FIELDS, _NEUTRAL, where, _METHOD)
        rank, alpha = int(positive(config, "r", where)), positive(config, "lora_alpha", where)
        parts = by_layer(tensors, r"lora_[AB]\.weight", weights, _METHOD)
        bases = {name: block_layer(decoder, name, weights) for name in parts}
        for name, base in bases.items():
            wanted = {
                "lora_A.weight": (rank, base.in_features),
                "lora_B.weight": (base.out_features, rank),
            }
            check_shapes(name, parts[name], wanted, weights)
        check_complete(decoder, config, parts, weights)
        scaling = alpha / (rank**0.5 if config.get("use_rslora") else rank)
        for name, base in bases.items():
            assert isinstance(base, nn.Linear)
            layer = LoRALinear(base, rank, scaling, float(config.get("lora_dropout") or 0.0))
            with torch.no_grad():
                layer.lora_A.weight.copy_(parts[name]["lora_A.weight"])
                layer.lora_B.weight.copy_(parts[name]["lora_B.weight"])
            put(decoder, name, layer)

    def merge(self, decoder: Decoder) -> None:
        """Add B A to each weight."""
        for name, layer in list(lora_layers(decoder)):
            put(decoder, name, layer.merged())
