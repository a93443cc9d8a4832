"""AdaLoRA put into a decoder, and its PEFT files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from leitai.adapters.adalora import AdaLoRALinear, RankAllocation, adalora_layers
from leitai.adapters.interface import AdapterImplementation, StepHooks, Tensors
from leitai.adapters.method import AdaLoRA
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
    dense,
    target_names,
    to_target_modules,
)
from leitai.base import LeitaiError
from leitai.models import Decoder
from leitai.models.quantized import put

# The schedule says nothing about the arithmetic of a finished adapter, and PEFT ignores `r` here.
_FIELDS = LINEAR_FIELDS | {
    *("init_r", "lora_alpha", "lora_dropout", "rank_pattern", "r", "target_r", "total_step"),
    *("tinit", "tfinal", "deltaT", "beta1", "beta2", "orth_reg_weight"),
    *("megatron_core", "qalora_group_size", "ensure_weight_tying"),
}
_NEUTRAL = {"bias": ("none",), "init_lora_weights": (True, False)}
_METHOD = "AdaLoRA on linear layers"


class AdaLoRAImplementation(AdapterImplementation[AdaLoRA]):
    """AdaLoRA on the linear layers of the blocks."""

    switchable = True

    def put(self, decoder: Decoder, spec: AdaLoRA, seed: int) -> None:
        """Put P, E and Q beside each target; P and Q are drawn, E is zero."""
        generator = torch.Generator().manual_seed(seed)
        for name in target_names(decoder, spec.targets):
            base = dense(block_layer(decoder, name), name)
            layer = AdaLoRALinear(base, spec.rank, spec.rank, spec.alpha, spec.dropout, generator)
            put(decoder, name, layer)

    def hooks(self, decoder: Decoder, spec: AdaLoRA, total: int) -> StepHooks:
        """Return what takes ranks away."""
        return RankAllocation(decoder, spec, total)

    def holds(self, decoder: Decoder) -> bool:
        """Whether there is an `AdaLoRALinear`."""
        return next(adalora_layers(decoder), None) is not None

    def reads(self, config: Mapping[str, Any]) -> bool:
        """PEFT's ADALORA."""
        return config.get("peft_type") == "ADALORA"

    def to_peft(self, decoder: Decoder) -> tuple[dict[str, Any], Tensors]:
        """Return an `AdaLoraConfig` and the tensors without the ranks that were taken away.

        Those are the ranks whose E is 0: they add nothing. An adapter that was never trained keeps
        all of its own, to be trained.
        """
        layers = dict(adalora_layers(decoder))
        start = shared([layer.start_rank for layer in layers.values()], "rank")
        whole = not any(layer.lora_E.detach().any() for layer in layers.values())
        tensors: Tensors = {}
        pattern = {}
        for name, layer in layers.items():
            there = layer.lora_E.detach().view(-1) != 0
            if whole or layer.pattern is not None:
                there = torch.ones_like(there)
            tensors[f"{PREFIX}{name}.lora_A"] = layer.lora_A[there]
            tensors[f"{PREFIX}{name}.lora_E"] = layer.lora_E[there]
            tensors[f"{PREFIX}{name}.lora_B"] = layer.lora_B[:, there]
            pattern[f"{name}.lora_E"] = list(layer.pattern or map(bool, there.tolist()))
        config = {
            "peft_type": "ADALORA",
            "init_r": start,
            "target_r": start,
            "lora_alpha": shared([layer.alpha for layer in layers.values()], "alpha"),
            "lora_dropout": shared([layer.dropout for layer in layers.values()], "dropout"),
            "target_modules": to_target_modules(decoder, list(layers)),
            "rank_pattern": None if all(map(all, pattern.values())) else pattern,
            "total_step": 1,  # PEFT wants a schedule; this one is over
            "tinit": 0,
            "tfinal": 0,
            "bias": "none",
            "fan_in_fan_out": False,
            "init_lora_weights": True,
            "modules_to_save": None,
        }
        return config, tensors

    def from_peft(
        self, decoder: Decoder, config: Mapping[str, Any], tensors: Tensors, folder: Path
    ) -> None:
        """Put P, E and Q beside their layers, each with the rank that the file has."""
        where, weights = folder / CONFIG_FILE, folder / WEIGHTS_FILE
        refuse_features(config, _FIELDS, _NEUTRAL, where, _METHOD)
        start, alpha = int(positive(config, "init_r", where)), positive(config, "lora_alpha", where)
        dropout = float(config.get("lora_dropout") or 0.0)
        found = by_layer(tensors, "lora_[AEB]", weights, _METHOD)
        made = {}
        for name in found:
            pattern = _pattern(config, name, start, where)
            base = dense(block_layer(decoder, name, weights), name)
            made[name] = layer = AdaLoRALinear(base, sum(pattern), start, alpha, dropout)
            layer.pattern = None if all(pattern) else pattern
            wanted = {part: tuple(getattr(layer, part).shape) for part in _PARTS}
            check_shapes(name, found[name], wanted, weights, _METHOD)
        check_complete(decoder, config, made, weights)
        for name, layer in made.items():
            with torch.no_grad():
                for part in _PARTS:
                    getattr(layer, part).copy_(found[name][part])
            put(decoder, name, layer)

    def merge(self, decoder: Decoder) -> None:
        """Add P diag(E) Q to each weight."""
        for name, layer in list(adalora_layers(decoder)):
            put(decoder, name, layer.merged())


_PARTS = ("lora_A", "lora_E", "lora_B")


def _pattern(config: Mapping[str, Any], name: str, start: int, where: Path) -> tuple[bool, ...]:
    """Return which of a layer's first ranks are in the file."""
    patterns = config.get("rank_pattern")
    if not patterns:
        return (True,) * start
    pattern = patterns.get(f"{name}.lora_E") if isinstance(patterns, Mapping) else None
    if not isinstance(pattern, list) or len(pattern) != start or set(pattern) - {True, False}:
        raise LeitaiError(
            f"rank_pattern of {name} must be a list of {start} times true or false",
            where=where,
            remedy="fetch it again",
        )
    return tuple(map(bool, pattern))
