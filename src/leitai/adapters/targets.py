"""Which linear layers an adapter is for: by the spec's names, and by PEFT's."""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from torch import nn

from leitai.adapters.method import ALL_LINEAR
from leitai.base import LeitaiError
from leitai.models import Decoder, QuantizedLinear

Linear = nn.Linear | QuantizedLinear


def matches(name: str, target: str) -> bool:
    """Whether a target of a spec, a last name or a pattern, means the layer of this full name."""
    return name.endswith(f".{target}") or fnmatchcase(name, target)


def linear_names(decoder: Decoder) -> list[str]:
    """List the blocks' linear layers by full name, adapted ones too, in the order of the model."""
    return [
        f"model.layers.{name}"
        for name, _ in decoder.model.layers.named_modules()
        if name.rpartition(".")[2] in ALL_LINEAR
    ]


def target_names(decoder: Decoder, targets: Iterable[str]) -> list[str]:
    """List the blocks' linear layers that the targets name, in the order of the model.

    Raises:
        LeitaiError: a target matches none of them.
    """
    linear = linear_names(decoder)
    for target in targets:
        if not any(matches(name, target) for name in linear):
            last = sorted({name.rpartition(".")[2] for name in linear})
            raise LeitaiError(
                f"'{target}' matches no linear layer of the blocks",
                where="method.targets",
                remedy=f"use {', '.join(last)}, or a pattern such as {linear[0]}",
            )
    return [name for name in linear if any(matches(name, target) for target in targets)]


def plain_linear(layer: nn.Linear) -> nn.Linear:
    """Return a linear layer that holds the weight and the bias of an adapted one, uncopied."""
    plain = nn.Linear(layer.in_features, layer.out_features, bias=False, device="meta")
    plain.weight, plain.bias = layer.weight, layer.bias
    return plain


def to_target_modules(decoder: Decoder, adapted: list[str]) -> list[str]:
    """Name the adapted layers as PEFT does: by last names if those name exactly them."""
    last = sorted({name.rpartition(".")[2] for name in adapted})
    return last if target_names(decoder, last) == adapted else adapted


def promised_layers(decoder: Decoder, config: Mapping[str, Any]) -> list[str]:
    """List the layers that a PEFT config promises, or none where only the tensors can tell."""
    targets = config.get("target_modules")
    if config.get("layers_to_transform") is not None or config.get("exclude_modules"):
        return []
    if targets == "all-linear":
        return target_names(decoder, ALL_LINEAR)
    if isinstance(targets, str):
        return [name for name in linear_names(decoder) if re.fullmatch(targets, name)]
    return target_names(decoder, targets or ())


def check_complete(
    decoder: Decoder, config: Mapping[str, Any], found: Iterable[str], where: Path
) -> None:
    """Refuse an adapter that lacks layers which its config promises.

    Raises:
        LeitaiError: names one of them.
    """
    there = set(found)
    if missing := [name for name in promised_layers(decoder, config) if name not in there]:
        raise LeitaiError(
            f"no tensors for {len(missing)} of the target layers, such as {missing[0]}",
            where=where,
            remedy="fetch it again",
        )


def block_layer(decoder: Decoder, name: str, where: Path | None = None) -> Linear:
    """Return the linear layer of a block by its full name.

    Raises:
        LeitaiError: there is none.
    """
    try:
        layer = decoder.get_submodule(name)
    except AttributeError:
        layer = None
    if not isinstance(layer, Linear) or not name.startswith("model.layers."):
        raise LeitaiError(
            f"the model has no linear layer '{name}' in its blocks",
            where=where,
            remedy="use the base that this adapter was trained on",
        )
    return layer


def dense(layer: Linear, name: str) -> nn.Linear:
    """Return a layer whose weight is a matrix of floating-point numbers.

    Raises:
        LeitaiError: it is quantised.
    """
    if not isinstance(layer, nn.Linear):
        raise LeitaiError(
            f"{name} is quantised, and only LoRA can be put onto quantised weights",
            remedy="use method lora, or load the base as float32 or bfloat16",
        )
    return layer
