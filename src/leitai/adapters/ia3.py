"""Infused adapter by inhibiting and amplifying inner activations (Liu et al., "(IA)^3",
arXiv 2205.05638).
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from leitai.adapters.interface import AdapterImplementation, Tensors
from leitai.adapters.method import IA3
from leitai.adapters.peft_config import (
    CONFIG_FILE,
    LINEAR_FIELDS,
    PREFIX,
    WEIGHTS_FILE,
    by_layer,
    check_shapes,
    refuse_features,
)
from leitai.adapters.targets import (
    block_layer,
    check_complete,
    dense,
    matches,
    plain_linear,
    target_names,
    to_target_modules,
)
from leitai.models import Decoder
from leitai.models.quantized import put

_FIELDS = LINEAR_FIELDS | {"feedforward_modules", "init_ia3_weights"}
_METHOD = "(IA)^3 on linear layers"
# What PEFT takes when a config names none, in both families.
_FEEDFORWARD = ("down_proj",)


class IA3Linear(nn.Linear):
    """A frozen linear layer with trained factors: y = l * (W x + b), or y = W (l * x) + b.

    It takes over the weight and bias of the layer it replaces. The factors are float32, and take
    part in the arithmetic in float32.

    Attributes:
        ia3_l: l, 1 at the start; [out, 1] on the output, [1, in] on the input, as in PEFT's files.
        feedforward: whether the factors are on the input.
    """

    additive = False

    def __init__(self, base: nn.Linear, feedforward: bool) -> None:
        nn.Module.__init__(self)  # nn.Linear's own would allocate a weight
        self.in_features, self.out_features = base.in_features, base.out_features
        self.weight, self.bias = base.weight, base.bias
        self.requires_grad_(False)
        self.feedforward = feedforward
        shape = (1, self.in_features) if feedforward else (self.out_features, 1)
        self.ia3_l = nn.Parameter(torch.ones(shape, device=base.weight.device, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., in] to [..., out] in the dtype of `x`."""
        factors = self.ia3_l.flatten()
        if self.feedforward:
            return linear((x * factors).to(x.dtype), self.weight, self.bias)
        return (linear(x, self.weight, self.bias) * factors).to(x.dtype)

    def merged(self) -> nn.Linear:
        """Return a plain linear layer with the factors in weight and bias, each rounded once."""
        plain = plain_linear(self)
        factors = self.ia3_l.detach().double()
        with torch.no_grad():
            plain.weight.copy_(plain.weight.double() * factors)
            if plain.bias is not None and not self.feedforward:
                plain.bias.copy_(plain.bias.double() * factors.flatten())
        return plain


def _layers(decoder: Decoder) -> Iterator[tuple[str, IA3Linear]]:
    for name, module in decoder.named_modules():
        if isinstance(module, IA3Linear):
            yield name, module


class IA3Implementation(AdapterImplementation[IA3]):
    """(IA)^3 on the linear layers of the blocks."""

    switchable = True

    def put(self, decoder: Decoder, spec: IA3, seed: int) -> None:
        """Put factors of 1 on the targets; nothing is random.

        Raises:
            LeitaiError: a name in `feedforward` or `targets` matches no layer.
        """
        names = target_names(decoder, spec.targets)
        target_names(decoder, spec.feedforward)  # refuses what matches nothing
        for name in names:
            feedforward = any(matches(name, target) for target in spec.feedforward)
            base = dense(block_layer(decoder, name), name)
            put(decoder, name, IA3Linear(base, feedforward))

    def holds(self, decoder: Decoder) -> bool:
        """Whether there is an `IA3Linear`."""
        return next(_layers(decoder), None) is not None

    def reads(self, config: Mapping[str, Any]) -> bool:
        """PEFT's IA3."""
        return config.get("peft_type") == "IA3"

    def to_peft(self, decoder: Decoder) -> tuple[dict[str, Any], Tensors]:
        """Return an `IA3Config` and the tensors."""
        layers = dict(_layers(decoder))
        targets = to_target_modules(decoder, list(layers))
        inner = [name for name, layer in layers.items() if layer.feedforward]
        last = sorted({name.rpartition(".")[2] for name in inner})
        outer = [name for name in layers if name not in inner]
        if set(last) <= set(targets) and not any(name.endswith(tuple(last)) for name in outer):
            feedforward = last
        else:  # PEFT wants these to be among the targets
            targets, feedforward = list(layers), inner
        config = {
            "peft_type": "IA3",
            "target_modules": targets,
            "feedforward_modules": feedforward,
            "fan_in_fan_out": False,
            "init_ia3_weights": True,
            "modules_to_save": None,
        }
        return config, {f"{PREFIX}{name}.ia3_l": layer.ia3_l for name, layer in layers.items()}

    def from_peft(
        self, decoder: Decoder, config: Mapping[str, Any], tensors: Tensors, folder: Path
    ) -> None:
        """Put the saved factors on their layers."""
        where, weights = folder / CONFIG_FILE, folder / WEIGHTS_FILE
        refuse_features(config, _FIELDS, {}, where, _METHOD)
        found = by_layer(tensors, "ia3_l", weights, _METHOD)
        chosen = config.get("feedforward_modules")
        made = {}
        for name in found:
            base = dense(block_layer(decoder, name, weights), name)
            made[name] = IA3Linear(base, _is_feedforward(name, chosen))
        for name, layer in made.items():
            check_shapes(name, found[name], {"ia3_l": tuple(layer.ia3_l.shape)}, weights, _METHOD)
        check_complete(decoder, config, made, weights)
        for name, layer in made.items():
            with torch.no_grad():
                layer.ia3_l.copy_(found[name]["ia3_l"])
            put(decoder, name, layer)

    def merge(self, decoder: Decoder) -> None:
        """Multiply the factors into each weight and bias."""
        for name, layer in list(_layers(decoder)):
            put(decoder, name, layer.merged())


def _is_feedforward(name: str, chosen: Any) -> bool:
    """Read PEFT's `feedforward_modules` as PEFT does: a pattern, or ends of names."""
    if isinstance(chosen, str):
        return re.fullmatch(chosen, name) is not None
    return name.endswith(tuple(_FEEDFORWARD if chosen is None else chosen))
