"""Reading PEFT's configs and tensors with care: what is not understood is refused by name."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from leitai.base import LeitaiError

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
PREFIX = "base_model.model."
"""What PEFT puts before a layer's name."""

COMMON_FIELDS = frozenset(
    (
        *("task_type", "peft_type", "peft_version", "auto_mapping", "inference_mode", "revision"),
        *("base_model_name_or_path", "runtime_config"),
    )
)
"""Fields of every config that say nothing about the arithmetic."""

LINEAR_FIELDS = COMMON_FIELDS | {
    *("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern"),
}
"""The same for adapters of linear layers, whose tensors tell which layers they are for."""


def refuse_features(
    config: Mapping[str, Any],
    known: Collection[str],
    neutral: Mapping[str, Sequence[Any]],
    where: Path,
    method: str,
) -> None:
    """Refuse every field in use that is not known, whatever its name.

    PEFT gains new features with every release, and one that is passed over would change the logits
    without a word.

    Args:
        config: PEFT's.
        known: fields that the method reads, or that do not change the arithmetic.
        neutral: fields that are supported at these values alone.
        where: the config's file.
        method: what is supported, in words.

    Raises:
        LeitaiError: names the field.
    """
    used = {
        name: value
        for name, value in config.items()
        if (value not in neutral[name] if name in neutral else name not in known and value)
    }
    if used:
        name, value = sorted(used.items())[0]
        raise LeitaiError(
            f"{name} = {value!r} is not supported ({method} is)",
            where=where,
            remedy="merge the adapter with PEFT and use the merged model",
        )


def positive(config: Mapping[str, Any], name: str, where: Path) -> float:
    """Return a field that must be a positive number.

    Raises:
        LeitaiError: it is something else.
    """
    value = config.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise LeitaiError(
            f"{name} must be a positive number, not {value!r}", where=where, remedy="repair it"
        )
    return value


def by_layer(
    tensors: Mapping[str, Tensor], part: str, where: Path, method: str
) -> dict[str, dict[str, Tensor]]:
    """Sort a file's tensors by layer: {layer: {part: tensor}}.

    Args:
        tensors: by the names in the file.
        part: a pattern of what follows a layer's name, without the dot.
        where: the file.
        method: what its tensors belong to, in words.

    Raises:
        LeitaiError: a tensor has another name.
    """
    pattern = re.compile(rf"{re.escape(PREFIX)}(?P<layer>.+)\.(?P<part>{part})")
    layers: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        match = pattern.fullmatch(name)
        if match is None:
            raise LeitaiError(
                f"the tensor '{name}' is no part of {method}",
                where=where,
                remedy="merge the adapter with PEFT and use the merged model",
            )
        layers.setdefault(match["layer"], {})[match["part"]] = tensor
    return layers


def check_shapes(
    layer: str,
    parts: Mapping[str, Tensor],
    wanted: Mapping[str, tuple[int, ...]],
    where: Path,
    method: str,
) -> None:
    """Refuse tensors of a layer that are missing, of another shape, or not the method's.

    Raises:
        LeitaiError: names the tensor and both shapes.
    """
    if surplus := sorted(set(parts) - set(wanted)):
        raise LeitaiError(
            f"the tensor '{PREFIX}{layer}.{surplus[0]}' is no part of {method}",
            where=where,
            remedy="merge the adapter with PEFT and use the merged model",
        )
    for part, shape in wanted.items():
        found = tuple(parts[part].shape) if part in parts else None
        if found != shape:
            raise LeitaiError(
                f"{part.removesuffix('.weight')} of {layer} should have the shape {shape}, "
                f"found {found or 'none'}",
                where=where,
                remedy="use the base that this adapter was trained on",
            )


def shared(values: Sequence[Any], what: str) -> Any:
    """Return the value that all layers have in common.

    Raises:
        LeitaiError: they differ.
    """
    if len(set(values)) != 1:
        raise LeitaiError(f"the adapted layers differ in {what}; one adapter has one {what}")
    return values[0]
