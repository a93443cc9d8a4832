"""Frozen weights laid out for training, and put back as they were afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from leitai.adapters.cost import PACKED_SHARE
from leitai.adapters.lora import LoRALinear
from leitai.base.memory import total_bytes
from leitai.kernels.packed import PackedWeight
from leitai.models import Decoder


@contextmanager
def packed_weights(decoder: Decoder, rows: int = 2048) -> Iterator[None]:
    """Pack the frozen weights under plain LoRA while the block runs; see `kernels/packed.py`.

    They are left alone where there is no room for two layouts, whatever else runs at the moment.
    Meanwhile `layer.weight` has its shape but no memory, and reads as NaN.

    Args:
        decoder: with or without adapters.
        rows: tokens of the usual pass.
    """
    layers = [
        module
        for module in decoder.modules()
        if type(module) is LoRALinear and PackedWeight.takes(module.weight)
    ]
    if sum(layer.weight.nbytes for layer in layers) >= PACKED_SHARE * total_bytes():
        layers = []
    for layer in layers:
        layer.packed = PackedWeight(layer.weight.detach(), rows)
        hollow = torch.full((1, 1), torch.nan, dtype=layer.weight.dtype)
        layer.weight = nn.Parameter(hollow.expand(layer.weight.shape), requires_grad=False)
    try:
        yield
    finally:
        for layer in layers:
            assert layer.packed is not None
            layer.weight = nn.Parameter(layer.packed.plain(), requires_grad=False)
            layer.packed = None
