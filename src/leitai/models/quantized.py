"""Weight-only quantisation: linear layers of 8 or 4 bits, everything else in bfloat16."""

from typing import cast

import torch
from torch import nn

from leitai.base import LeitaiError
from leitai.models.decoder import Decoder
from leitai.models.quantized_linear import QuantizedLinear

BITS = {"int8": 8, "int4": 4}
"""Names of the quantised formats."""


def parse_bits(dtype: object) -> int | None:
    """Return 8 for "int8", 4 for "int4", and None for what is not a quantised format."""
    return BITS.get(dtype) if isinstance(dtype, str) else None


def quantize(decoder: Decoder, dtype: str) -> Decoder:
    """Replace a decoder's linear layers and its output head, in place; the rest becomes bfloat16.

    A tied head gets quantised weights of its own, while the embedding keeps looking up in bfloat16.

    Args:
        decoder: with plain linear layers; merge an adapter first.
        dtype: "int8" or "int4".

    Raises:
        LeitaiError: `dtype` is another one, or the decoder has layers that are not plain.
    """
    bits = parse_bits(dtype)
    if bits is None:
        raise LeitaiError(
            f"{dtype} is not a quantised format (expected {' or '.join(BITS)})",
            remedy="choose one of these",
        )
    names = sorted(quantized_names(decoder))
    for name in names:
        layer = decoder.get_submodule(name)
        if type(layer) is not nn.Linear:
            raise LeitaiError(
                f"{name} is a {type(layer).__name__}, which cannot be quantised",
                remedy="merge the adapter into the weights first",
            )
    if not names:
        raise LeitaiError("the decoder is quantised already", remedy="load it again")
    for name in names:
        layer = cast(nn.Linear, decoder.get_submodule(name))
        replace(decoder, name, QuantizedLinear(layer.weight, bits, layer.bias))
    quantize_tied_head(decoder, bits)
    return decoder.to(torch.bfloat16).eval().requires_grad_(False)


def quantized_names(decoder: Decoder) -> frozenset[str]:
    """Name the layers to quantise: the blocks' linear layers and a head of its own."""
    return frozenset(
        name for name, module in decoder.named_modules() if isinstance(module, nn.Linear)
    )


def replace(decoder: Decoder, name: str, layer: QuantizedLinear) -> None:
    """Put `layer` where the module `name` is."""
    owner, _, leaf = name.rpartition(".")
    setattr(decoder.get_submodule(owner), leaf, layer)


def quantize_tied_head(decoder: Decoder, bits: int) -> None:
    """Give a decoder whose head is tied a quantised copy of its embedding."""
    if decoder.lm_head is None:
        decoder.lm_head = QuantizedLinear(decoder.model.embed_tokens.weight, bits)


def is_quantized(decoder: Decoder) -> bool:
    """Whether the decoder has quantised weights."""
    return isinstance(decoder.lm_head, QuantizedLinear)
