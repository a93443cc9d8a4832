"""One way to apply every method: afterwards `requires_grad` says what is trained."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from leitai.adapters.lora import LoRALinear, put
from leitai.adapters.method import Freeze, Full, LoRA
from leitai.base import LeitaiError
from leitai.models import Decoder


def _matches(name: str, target: str) -> bool:
    return name.endswith(f".{target}") or fnmatchcase(name, target)


def target_names(decoder: Decoder, targets: Iterable[str]) -> list[str]:
    """List the blocks' linear layers that the targets name, in the order of the model.

    Raises:
        LeitaiError: a target matches none of them.
    """
    linear = [
        f"model.layers.{name}"
        for name, module in decoder.model.layers.named_modules()
        if isinstance(module, nn.Linear)
    ]
    for target in targets:
        if not any(_matches(name, target) for name in linear):
            last = sorted({name.rpartition(".")[2] for name in linear})
            raise LeitaiError(
                f"'{target}' matches no linear layer of the blocks",
                where="method.targets",
                remedy=f"use {', '.join(last)}, or a pattern such as {linear[0]}",
            )
    return [name for name in linear if any(_matches(name, target) for target in targets)]


def apply_method(decoder: Decoder, method: Full | Freeze | LoRA, seed: int = 0) -> None:
    """Prepare a decoder for training: set `requires_grad`, and for LoRA put the layers in.

    Args:
        decoder: a plain decoder; changed in place.
        method: what to train.
        seed: of LoRA's random A matrices.

    Raises:
        LeitaiError: more blocks or other layers are named than the model has.
    """
    decoder.requires_grad_(isinstance(method, Full))
    if isinstance(method, Freeze):
        blocks = decoder.model.layers
        if method.top_blocks > len(blocks):
            raise LeitaiError(
                f"{method.top_blocks} blocks are to be trained, the model has {len(blocks)}",
                where="method.top_blocks",
                remedy=f"use at most {len(blocks)}",
            )
        for module in (*blocks[-method.top_blocks :], decoder.model.norm):
            module.requires_grad_(True)
    elif isinstance(method, LoRA):
        generator = torch.Generator().manual_seed(seed)
        for name in target_names(decoder, method.targets):
            base = decoder.get_submodule(name)
            assert isinstance(base, nn.Linear)
            layer = LoRALinear(base, method.rank, method.scaling, method.dropout, generator)
            put(decoder, name, layer)


def trainable_state(decoder: Decoder) -> dict[str, Tensor]:
    """Return the trained parameters by name, in the order of the model; a tied one appears once."""
    return {
        name: parameter.detach()
        for name, parameter in decoder.named_parameters()
        if parameter.requires_grad
    }


def trainable_parameters(decoder: Decoder) -> int:
    """Count the trained numbers."""
    return sum(tensor.numel() for tensor in trainable_state(decoder).values())
