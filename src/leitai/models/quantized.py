"""Weight-only quantisation: linear layers of few bits, everything else in bfloat16."""

from typing import cast

import torch
from torch import Tensor, nn

from leitai.base import LeitaiError
from leitai.models.decoder import Decoder
from leitai.models.nf4 import NF4Linear
from leitai.models.quantized_linear import QuantizedLinear

BITS = {"int8": 8, "int4": 4, "nf4": 4, "nf4-double": 4}
"""Names of the quantised formats."""


def parse_bits(dtype: object) -> int | None:
    """Return a quantised format's bits a weight, and None for what is not one."""
    return BITS.get(dtype) if isinstance(dtype, str) else None


def quantized_linear(weight: Tensor, dtype: str, bias: Tensor | None = None) -> QuantizedLinear:
    """Quantise the weight of a linear layer, [out_features, in_features], to a named format."""
    if dtype.startswith("nf4"):
        return NF4Linear(weight, bias, double=dtype == "nf4-double")
    return QuantizedLinear(weight, BITS[dtype], bias)


def quantize(decoder: Decoder, dtype: str, *, head: bool = True) -> Decoder:
    """Replace a decoder's linear layers and its output head, in place; the rest becomes bfloat16.

    A tied head gets quantised weights of its own, while the embedding keeps looking up in bfloat16.

    Args:
        decoder: with plain linear layers; merge an adapter first.
        dtype: one of `BITS`.
        head: whether the output head is quantised too. Training wants it whole.

    Raises:
        LeitaiError: `dtype` is another one, or the decoder has layers that are not plain.
    """
    bits = parse_bits(dtype)
    if bits is None:
        raise LeitaiError(
            f"{dtype} is not a quantised format (expected {', '.join(BITS)})",
            remedy="choose one of these",
        )
    names = sorted(quantized_names(decoder, head=head))
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
        put(decoder, name, quantized_linear(layer.weight, dtype, layer.bias))
    if head:
        quantize_tied_head(decoder, dtype)
    return decoder.to(torch.bfloat16).eval().requires_grad_(False)


def quantized_names(decoder: Decoder, *, head: bool = True) -> frozenset[str]:
    """Name the layers to quantise: the blocks' linear layers and a head of its own."""
    return frozenset(
        name
        for name, module in decoder.named_modules()
        if isinstance(module, nn.Linear) and (head or module is not decoder.lm_head)
    )


def put(decoder: Decoder, name: str, module: nn.Module) -> None:
    """Replace the module called `name`."""
    owner, _, leaf = name.rpartition(".")
    setattr(decoder.get_submodule(owner), leaf, module)


def quantize_tied_head(decoder: Decoder, dtype: str) -> None:
    """Give a decoder whose head is tied a quantised copy of its embedding."""
    if decoder.lm_head is None:
        decoder.lm_head = quantized_linear(decoder.model.embed_tokens.weight, dtype)


def is_quantized(decoder: Decoder) -> bool:
    """Whether the decoder has quantised weights."""
    return any(isinstance(module, QuantizedLinear) for module in decoder.modules())
