"""LoRA and DoRA put into a decoder, and their PEFT files: PEFT's type LORA for both."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from leitai.adapters.dora import DoRALinear
from leitai.adapters.interface import AdapterImplementation, Tensors
from leitai.adapters.lora import LoRALinear
from leitai.adapters.lora_quantized import QuantizedLoRALinear
from leitai.adapters.method import LowRank
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
    Linear,
    block_layer,
    check_complete,
    dense,
    target_names,
    to_target_modules,
)
from leitai.models import Decoder, QuantizedLinear
from leitai.models.quantized import put

_FIELDS = LINEAR_FIELDS | {
    *("r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora"),
    *("megatron_core", "qalora_group_size", "ensure_weight_tying"),
}
# Other ways to begin change the base's weights.
_NEUTRAL = {"bias": ("none",), "init_lora_weights": (True, False, "gaussian", "eva")}

LowRankLayer = LoRALinear | QuantizedLoRALinear


class LoRAImplementation(AdapterImplementation[LowRank]):
    """LoRA on the linear layers of the blocks, dense or quantised."""

    layers: ClassVar[tuple[type[nn.Module], ...]] = (LoRALinear, QuantizedLoRALinear)
    switchable = True
    dora = False
    tensors = "plain LoRA on linear layers"

    def make(
        self,
        base: Linear,
        name: str,
        rank: int,
        scaling: float,
        dropout: float,
        generator: torch.Generator | None = None,
    ) -> LowRankLayer:
        """Return the layer that takes the place of `base`."""
        kind = QuantizedLoRALinear if isinstance(base, QuantizedLinear) else LoRALinear
        return kind(base, rank, scaling, dropout, generator)  # type: ignore[arg-type]

    def parts(self, layer: LowRankLayer) -> dict[str, Tensor]:
        """Return a layer's own numbers by PEFT's names."""
        return {"lora_A.weight": layer.lora_A.weight, "lora_B.weight": layer.lora_B.weight}

    def adapted(self, decoder: Decoder) -> Iterator[tuple[str, LowRankLayer]]:
        """Yield the adapted layers and their names, in the order of the model."""
        for name, module in decoder.named_modules():
            if type(module) in self.layers:
                assert isinstance(module, LowRankLayer)
                yield name, module

    def put(self, decoder: Decoder, spec: LowRank, seed: int) -> None:
        """Put A and B beside each target; A is drawn, B is zero."""
        generator = torch.Generator().manual_seed(seed)
        for name in target_names(decoder, spec.targets):
            base = block_layer(decoder, name)
            layer = self.make(base, name, spec.rank, spec.scaling, spec.dropout, generator)
            put(decoder, name, layer)

    def holds(self, decoder: Decoder) -> bool:
        """Whether one of the method's layers is there."""
        return next(self.adapted(decoder), None) is not None

    def reads(self, config: Mapping[str, Any]) -> bool:
        """PEFT's LORA, with or without `use_dora`."""
        return config.get("peft_type") == "LORA" and bool(config.get("use_dora")) == self.dora

    def to_peft(self, decoder: Decoder) -> tuple[dict[str, Any], Tensors]:
        """Return a `LoraConfig` and the tensors.

        Raises:
            LeitaiError: the layers differ in rank, scaling or dropout.
        """
        layers = dict(self.adapted(decoder))
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
            "use_dora": self.dora,
            "modules_to_save": None,
        }
        return config, {
            f"{PREFIX}{name}.{part}": tensor
            for name, layer in layers.items()
            for part, tensor in self.parts(layer).items()
        }

    def from_peft(
        self, decoder: Decoder, config: Mapping[str, Any], tensors: Tensors, folder: Path
    ) -> None:
        """Put the saved numbers beside their layers."""
        where, weights = folder / CONFIG_FILE, folder / WEIGHTS_FILE
        refuse_features(config, _FIELDS, _NEUTRAL, where, self.tensors)
        rank, alpha = int(positive(config, "r", where)), positive(config, "lora_alpha", where)
        scaling = alpha / (rank**0.5 if config.get("use_rslora") else rank)
        dropout = float(config.get("lora_dropout") or 0.0)
        found = by_layer(tensors, r"lora_(?:[AB]\.weight|magnitude_vector)", weights, self.tensors)
        made = {
            name: self.make(block_layer(decoder, name, weights), name, rank, scaling, dropout)
            for name in found
        }
        for name, layer in made.items():
            wanted = {part: tuple(own.shape) for part, own in self.parts(layer).items()}
            check_shapes(name, found[name], wanted, weights, self.tensors)
        check_complete(decoder, config, made, weights)
        for name, layer in made.items():
            with torch.no_grad():
                for part, own in self.parts(layer).items():
                    own.copy_(found[name][part])
            put(decoder, name, layer)

    def merge(self, decoder: Decoder) -> None:
        """Add the update to each weight.

        Raises:
            LeitaiError: a weight is quantised.
        """
        for name, layer in list(self.adapted(decoder)):
            put(decoder, name, layer.merged())


class DoRAImplementation(LoRAImplementation):
    """DoRA on the linear layers of the blocks."""

    layers = (DoRALinear,)
    dora = True
    tensors = "DoRA on linear layers"

    def make(
        self,
        base: Linear,
        name: str,
        rank: int,
        scaling: float,
        dropout: float,
        generator: torch.Generator | None = None,
    ) -> DoRALinear:
        """Return the layer that takes the place of `base`.

        Raises:
            LeitaiError: the base is quantised.
        """
        return DoRALinear(dense(base, name), rank, scaling, dropout, generator)

    def parts(self, layer: LowRankLayer) -> dict[str, Tensor]:
        """Return A, B and m by PEFT's names."""
        assert isinstance(layer, DoRALinear)
        return super().parts(layer) | {"lora_magnitude_vector": layer.lora_magnitude_vector}
