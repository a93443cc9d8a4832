"""The matrix products of a pass, and how long they take on a machine."""

from typing import NamedTuple

from leitai.adapters.cost import (
    DTYPE_BYTES,
    Method,
    adapted,
    block_matrices,
    trainable_count,
    trained_blocks,
)
from leitai.adapters.method import Full, LinearAdapter
from leitai.models.config import ModelConfig
from leitai.planning.machine import Machine


class Product(NamedTuple):
    """`times` products of [rows, inputs] and [inputs, outputs]."""

    rows: float
    inputs: int
    outputs: int
    times: float
    dtype: str
    packed: bool = False  # a frozen weight, laid out beforehand

    @property
    def flops(self) -> float:
        """2 m k n each."""
        return 2 * self.rows * self.inputs * self.outputs * self.times


def compute_dtype(method: Method | None, dtype: str) -> str:
    """The number format of the arithmetic: full and freeze have float32 beside bfloat16 alone."""
    lasting = method is None or isinstance(method, LinearAdapter) or dtype == "bfloat16"
    return dtype if lasting else "float32"


def forward_products(
    config: ModelConfig, dtype: str, tokens: float, *, packed: bool = False
) -> list[Product]:
    """List the products of the blocks for so many tokens at once."""
    return [
        Product(tokens, m.inputs, m.outputs, config.num_hidden_layers, dtype, packed)
        for m in block_matrices(config)
    ]


def training_products(
    config: ModelConfig, method: Method, dtype: str, tokens: float, *, packed: bool = False
) -> list[Product]:
    """List the products of the blocks, forward and backward; see `linear_training_flops`.

    Args:
        config: the architecture.
        method: what is trained.
        dtype: of frozen weights.
        tokens: computed at once.
        packed: whether frozen weights are laid out beforehand (`adapters/packing.py`).
    """
    dtype = compute_dtype(method, dtype)
    found = forward_products(config, dtype, tokens, packed=packed)
    blocks = trained_blocks(config, method)
    weights = 0 if isinstance(method, LinearAdapter) else 1
    found += [
        Product(tokens, m.outputs, m.inputs, (1 + weights) * blocks, dtype, packed)
        for m in block_matrices(config)
    ]
    if isinstance(method, LinearAdapter):
        for layer in range(config.num_hidden_layers):
            for m in adapted(config, method, layer) if method.inner else ():
                found.append(Product(tokens, m.inputs, method.inner, 3, dtype))
                found.append(Product(tokens, method.inner, m.outputs, 3, dtype))
    return found


def head_products(
    config: ModelConfig, dtype: str, rows: float, method: Method | None = None
) -> list[Product]:
    """List the products of the output head at the rows that need logits."""
    passes = 1 if method is None else 3 if isinstance(method, Full) else 2
    dtype = compute_dtype(method, dtype)
    return [Product(rows, config.hidden_size, config.vocab_size, passes, dtype)] if rows else []


def seconds_of(products: list[Product], machine: Machine) -> float:
    """Time the products: each as long as its arithmetic or the reading of its weights takes."""
    total = 0.0
    for product in products:
        kind = f"{product.dtype} packed" if product.packed else product.dtype
        rate = machine.product_rate(kind, product.rows, product.inputs, product.outputs)
        weights = product.inputs * product.outputs * DTYPE_BYTES[product.dtype]
        total += max(product.flops / rate, product.times * weights / machine.stream)
    return total


def gradient_seconds(config: ModelConfig, method: Method, machine: Machine) -> float:
    """Time adding a micro-batch's gradients to those before: 12 bytes a trained number."""
    return 12 * trainable_count(config, method) / machine.stream
