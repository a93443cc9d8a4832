"""Bottleneck adapters: a small network beside or behind each sublayer of the blocks."""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn.functional import dropout, gelu, linear, relu, silu

from leitai.adapters.interface import AdapterImplementation, Tensors
from leitai.adapters.method import BottleneckAdapter
from leitai.adapters.peft_config import (
    COMMON_FIELDS,
    CONFIG_FILE,
    PREFIX,
    WEIGHTS_FILE,
    by_layer,
    check_shapes,
    refuse_features,
)
from leitai.base import LeitaiError
from leitai.models import AttentionScope, Decoder
from leitai.models.attention import Attention
from leitai.models.decoder import MLP

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": relu,
    "gelu": gelu,
    "silu": silu,
    "tanh": torch.tanh,
    "identity": lambda x: x,
}


class Bottleneck(nn.Module):
    """Adds `scale * up(activation(down(.)))` to what a sublayer returns.

    Serial (Houlsby et al., arXiv 1902.00751, figure 2) reads the sublayer's output and so changes
    it in place, before it joins the residual stream; parallel (He et al., arXiv 2110.04366, table
    1) reads the sublayer's input, which is the normed stream. Both matrices are float32 whatever
    the base's dtype is, and take part in the arithmetic rounded to the dtype of the input.

    Attributes:
        down: [size, hidden] and its bias, drawn as `nn.Linear` does with biases at 0.
        up: [hidden, size] and its bias, zero, so that the model starts as the base.
        spec: placement, activation, scale and dropout.
    """

    def __init__(self, hidden: int, spec: BottleneckAdapter) -> None:
        super().__init__()
        # Laid out without memory first: nn.Linear itself would use up the caller's random numbers.
        with torch.device("meta"):
            self.down = nn.Linear(hidden, spec.size, dtype=torch.float32)
            self.up = nn.Linear(spec.size, hidden, dtype=torch.float32)
        self.spec = spec

    def fill(self, device: torch.device, generator: torch.Generator | None) -> None:
        """Draw the weights, on the CPU so that the device does not change the draw."""
        if device.type != "meta":
            self.to_empty(device="cpu")
            nn.init.kaiming_uniform_(self.down.weight, a=math.sqrt(5), generator=generator)
            for tensor in (self.down.bias, self.up.weight, self.up.bias):
                nn.init.zeros_(tensor)
            self.to(device)

    def forward(self, out: Tensor, x: Tensor) -> Tensor:
        """Return the sublayer's new output.

        Args:
            out: what the sublayer returns, [..., hidden].
            x: what it was given, the same shape.
        """
        spec = self.spec
        source = x if spec.placement == "parallel" else out
        source = dropout(source, spec.dropout, self.training)
        inner = _ACTIVATIONS[spec.activation](_apply(self.down, source))
        return torch.add(out, _apply(self.up, inner), alpha=spec.scale)


def _apply(layer: nn.Linear, x: Tensor) -> Tensor:
    return linear(x, layer.weight.to(x.dtype), layer.bias.to(x.dtype))


class AdaptedAttention(Attention):
    """Attention with an adapter; it takes the place and the submodules of the one it adapts."""

    adapter: Bottleneck

    def __init__(self, base: Attention, adapter: Bottleneck) -> None:
        nn.Module.__init__(self)
        _take_over(self, base, adapter)
        self.layer, self.head_dim = base.layer, base.head_dim

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, scope: AttentionScope) -> Tensor:
        """See `Attention.forward`."""
        return cast(Tensor, self.adapter(super().forward(x, cos, sin, scope), x))


class AdaptedMLP(MLP):
    """A feed-forward network with an adapter; see `AdaptedAttention`."""

    adapter: Bottleneck

    def __init__(self, base: MLP, adapter: Bottleneck) -> None:
        nn.Module.__init__(self)
        _take_over(self, base, adapter)

    def forward(self, x: Tensor) -> Tensor:
        """See `MLP.forward`."""
        return cast(Tensor, self.adapter(super().forward(x), x))


def _take_over(module: nn.Module, base: nn.Module, adapter: Bottleneck) -> None:
    for name, child in base.named_children():
        setattr(module, name, child)
    for name in ("q_norm", "k_norm"):
        if getattr(base, name, 0) is None:
            setattr(module, name, None)
    module.adapter = adapter
    module.train(base.training)


_SITES = {"attention": ("self_attn", AdaptedAttention), "mlp": ("mlp", AdaptedMLP)}
# For each sublayer of the spec, its name in a block and its adapted kind.

PEFT_TYPE = "LEITAI_BOTTLENECK"
"""PEFT has no such method, so the file is our own: its layout, with this type and these fields."""

_METHOD = "a bottleneck adapter"
_OPTIONS = ("size", "placement", "sublayers", "activation", "scale", "dropout")


def adapters(decoder: Decoder) -> Iterator[tuple[str, Bottleneck]]:
    """Yield the adapters by the sublayers that have them, in the order of the model."""
    for name, module in decoder.named_modules():
        if isinstance(module, AdaptedAttention | AdaptedMLP):
            yield name, module.adapter


class BottleneckImplementation(AdapterImplementation[BottleneckAdapter]):
    """Bottleneck adapters at work on a decoder."""

    def put(self, decoder: Decoder, spec: BottleneckAdapter, seed: int) -> None:
        """Put an adapter on each chosen sublayer of each block."""
        generator = torch.Generator().manual_seed(seed)
        for block in decoder.model.layers:
            for sublayer, (name, kind) in _SITES.items():
                if sublayer in spec.sublayers:
                    adapter = Bottleneck(decoder.config.hidden_size, spec)
                    adapter.fill(decoder.device, generator)
                    setattr(block, name, kind(getattr(block, name), adapter))

    def holds(self, decoder: Decoder) -> bool:
        """Whether there is a `Bottleneck`."""
        return next(adapters(decoder), None) is not None

    def reads(self, config: Mapping[str, Any]) -> bool:
        """Our own type."""
        return config.get("peft_type") == PEFT_TYPE

    def to_peft(self, decoder: Decoder) -> tuple[dict[str, Any], Tensors]:
        """Return our own config, and tensors named as PEFT would name them."""
        found = dict(adapters(decoder))
        spec = next(iter(found.values())).spec
        config = {"peft_type": PEFT_TYPE, **spec.model_dump(mode="json", exclude={"name"})}
        tensors: Tensors = {
            f"{PREFIX}{name}.adapter.{part}": parameter
            for name, adapter in found.items()
            for part, parameter in adapter.named_parameters()
        }
        return config, tensors

    def from_peft(
        self, decoder: Decoder, config: Mapping[str, Any], tensors: Tensors, folder: Path
    ) -> None:
        """Put saved adapters on their sublayers."""
        where, weights = folder / CONFIG_FILE, folder / WEIGHTS_FILE
        refuse_features(config, COMMON_FIELDS | set(_OPTIONS), {}, where, _METHOD)
        try:
            spec = BottleneckAdapter.model_validate({k: config[k] for k in _OPTIONS if k in config})
        except ValidationError as error:
            first = error.errors()[0]
            raise LeitaiError(
                f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
                where=where,
                remedy="repair it",
            ) from error
        parts = by_layer(
            tensors, r"adapter\.(down|up)\.(weight|bias)", weights, "a bottleneck adapter"
        )
        hidden = decoder.config.hidden_size
        wanted = {
            "adapter.down.weight": (spec.size, hidden),
            "adapter.down.bias": (spec.size,),
            "adapter.up.weight": (hidden, spec.size),
            "adapter.up.bias": (hidden,),
        }
        names = [
            f"model.layers.{number}.{_SITES[sublayer][0]}"
            for number in range(decoder.config.num_hidden_layers)
            for sublayer in spec.sublayers
        ]
        if extra := parts.keys() - set(names):
            raise LeitaiError(
                f"the config and the model have no adapter on '{min(extra)}'",
                where=weights,
                remedy="use the base that this adapter was trained on",
            )
        for name in names:
            check_shapes(name, parts.get(name, {}), wanted, weights, _METHOD)
        self.put(decoder, spec, seed=0)
        with torch.no_grad():
            for name, adapter in adapters(decoder):
                for part, parameter in adapter.named_parameters():
                    parameter.copy_(parts[name][f"adapter.{part}"])
