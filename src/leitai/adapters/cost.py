"""What a model costs, in closed form: numbers, operations and bytes.

Symbols: D hidden size, I feed-forward size, L blocks, H query heads and K key-value heads of size
d, V vocabulary, r LoRA's rank. A product of an [m, k] and a [k, n] matrix takes 2 m k n FLOPs.
Norms, rotations, activations and the softmax are left out of FLOPs, as is usual: less than 1 %.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from leitai.adapters import count_trainable, leaves_adapter
from leitai.adapters.method import AnyMethod, Freeze, Full, LinearAdapter, LoRA
from leitai.models.config import ModelConfig
from leitai.models.presets import parameter_count

Method = AnyMethod

DTYPE_BYTES = {
    **{"float32": 4.0, "bfloat16": 2.0, "float16": 2.0},
    **{"int8": 1.125, "int4": 0.625, "nf4": 0.5625, "nf4-double": 0.516},
}
"""Bytes of a number in a matrix. Quantised ones have a 4-byte scale for each group of 32."""

LOGIT_CHUNK_BYTES = 128 << 20
"""Logits of a training step that exist at one time (`training/loss.py`)."""


class Matrix(NamedTuple):
    """A linear layer of a block, [inputs] to [outputs]."""

    name: str
    inputs: int
    outputs: int


def block_matrices(config: ModelConfig) -> tuple[Matrix, ...]:
    """List the seven linear layers of a block, in the order of the model."""
    hidden, inner = config.hidden_size, config.intermediate_size
    queries = config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim
    return (
        Matrix("self_attn.q_proj", hidden, queries),
        Matrix("self_attn.k_proj", hidden, keys),
        Matrix("self_attn.v_proj", hidden, keys),
        Matrix("self_attn.o_proj", queries, hidden),
        Matrix("mlp.gate_proj", hidden, inner),
        Matrix("mlp.up_proj", hidden, inner),
        Matrix("mlp.down_proj", inner, hidden),
    )


def adapted(config: ModelConfig, method: LinearAdapter, layer: int) -> tuple[Matrix, ...]:
    """List the linear layers of one block that an adapter is for; see `LinearAdapter.targets`."""
    return tuple(
        matrix
        for matrix in block_matrices(config)
        if any(
            f"model.layers.{layer}.{matrix.name}".endswith(f".{target}")
            or fnmatchcase(f"model.layers.{layer}.{matrix.name}", target)
            for target in method.targets
        )
    )


def trained_blocks(config: ModelConfig, method: Method) -> int:
    """Count the blocks that gradients reach; at most so many where parameters go by their names."""
    if isinstance(method, Freeze) and method.top_blocks is not None and not method.names:
        return min(method.top_blocks, config.num_hidden_layers)
    if isinstance(method, LinearAdapter):
        reached = [i for i in range(config.num_hidden_layers) if adapted(config, method, i)]
        return config.num_hidden_layers - reached[0] if reached else 0
    return config.num_hidden_layers


def trainable_count(config: ModelConfig, method: Method) -> int:
    """Count the trained numbers.

    Full: all. Freeze: the top blocks and the final norm. LoRA: r (inputs + outputs) for each
    adapted layer. Every method is asked itself.
    """
    return parameter_count(config) if isinstance(method, Full) else count_trainable(config, method)


def linear_flops(config: ModelConfig) -> int:
    """FLOPs of the blocks' linear layers for one token, forward.

    2 L (D H d + 2 D K d + H d D + 3 D I).
    """
    return (
        2
        * config.num_hidden_layers
        * sum(matrix.inputs * matrix.outputs for matrix in block_matrices(config))
    )


FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")


def linear_training_flops(config: ModelConfig, method: Method) -> int:
    """FLOPs of the blocks' linear layers for one token, forward and backward.

    Forward costs 2 k n a layer, the gradient of its input 2 k n, that of its weight 2 k n. Full:
    all three. Freeze: all three in the top blocks, forward alone below. LoRA: frozen weights need
    no gradient of their own, so 4 k n; A and B, of r (k + n) numbers, need all three. The lowest
    reached block's q, k and v need no gradient of their input under LoRA: nothing below learns.
    Virtual tokens and bottlenecks: 4 k n everywhere, and their own few products are left out.
    (With targets that leave attention out, the rest of that one block is counted although nothing
    flows through it.)
    """
    forward = linear_flops(config)
    per_block = forward // config.num_hidden_layers
    if not isinstance(method, LinearAdapter):
        gradients = 1 if method.frozen_base else 2
        return forward + gradients * per_block * trained_blocks(config, method)
    total = forward
    first = config.num_hidden_layers - trained_blocks(config, method)
    for layer in range(first, config.num_hidden_layers):
        update = {matrix.name for matrix in adapted(config, method, layer)}
        for matrix in block_matrices(config):
            backs = not (layer == first and matrix.name.endswith(("q_proj", "k_proj", "v_proj")))
            total += 2 * matrix.inputs * matrix.outputs * backs
            if matrix.name in update:
                total += 2 * method.inner * (3 * matrix.inputs + 3 * matrix.outputs)
                total -= 2 * method.inner * matrix.inputs * (not backs)
    return total


def unread_training_flops(config: ModelConfig, method: Method) -> int:
    """FLOPs of `linear_training_flops` that a token saves from whose output nothing is read.

    They are those of the last block's feed-forward network.
    """
    last = config.num_hidden_layers - 1
    update: set[str] = set()
    if isinstance(method, LinearAdapter):
        update = {matrix.name for matrix in adapted(config, method, last)}
    passes = 2 if method.frozen_base else 3
    total = 0
    for matrix in block_matrices(config):
        if matrix.name.endswith(FEED_FORWARD):
            total += passes * 2 * matrix.inputs * matrix.outputs
            if isinstance(method, LinearAdapter) and matrix.name in update:
                total += 2 * method.inner * 3 * (matrix.inputs + matrix.outputs)
    return total


def attention_pairs(lengths: Iterable[int]) -> int:
    """Count the (query, key) pairs of causal attention in sequences: T (T + 1) / 2 each."""
    return sum(length * (length + 1) // 2 for length in lengths)


def attention_flops(config: ModelConfig, pairs: float, *, backward: bool = False) -> float:
    """FLOPs of attention over (query, key) pairs, all blocks.

    Forward: scores and weighted values, 4 H d a pair and block. Backward: five products, the
    recomputed scores included (Dao et al., arXiv 2205.14135), 10 H d.
    """
    width = config.num_attention_heads * config.head_dim
    return (14 if backward else 4) * width * pairs * config.num_hidden_layers


def head_flops(config: ModelConfig, rows: float, *, method: Method | None = None) -> float:
    """FLOPs of the output head at the rows that need logits: 2 D V a row.

    Training adds as much for the gradient of the rows, and again for that of the weight under
    `Full`.
    """
    factor = 2 if method is None else 6 if isinstance(method, Full) else 4
    return factor * config.hidden_size * config.vocab_size * rows


def weight_bytes(config: ModelConfig, dtype: str) -> int:
    """Bytes of the weights in memory.

    Quantised dtypes apply to the matrices of the blocks and of an untied head; the embedding stays
    in bfloat16, biases and norms in float32.
    """
    size = DTYPE_BYTES[dtype]
    if DTYPE_BYTES[dtype] >= 2:
        return int(parameter_count(config) * size)
    matrices = linear_flops(config) // 2
    embedding = config.vocab_size * config.hidden_size
    head = 0 if config.tie_word_embeddings else embedding
    rest = parameter_count(config) - matrices - embedding - head
    return int((matrices + head) * size + 2 * embedding + 4 * rest)


def cache_bytes_per_token(config: ModelConfig, dtype: str) -> int:
    """Bytes of one token's keys and values in all blocks: 2 L K d numbers."""
    size = max(2, int(DTYPE_BYTES[dtype]))
    return 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * size


def training_weight_bytes(config: ModelConfig, method: Method, dtype: str) -> int:
    """Bytes of the weights while they are trained.

    Adapters: the base in `dtype`, and float32 numbers of their own. Full and Freeze: float32, and
    in half precision a working copy of everything but the embedding (`training/precision.py`).
    """
    if leaves_adapter(method):
        return weight_bytes(config, dtype) + 4 * trainable_count(config, method)
    copied = parameter_count(config) - config.vocab_size * config.hidden_size
    return weight_bytes(config, "float32") + (0 if dtype == "float32" else 2 * copied)


PACKED_SHARE = 0.25
"""Of the machine's memory, what the weights that are packed may take (`adapters/packing.py`)."""


def packed_bytes(config: ModelConfig, method: Method, dtype: str, memory: int) -> int:
    """Bytes of the second layout of the weights under LoRA; 0 where they stay as they are.

    Args:
        config: the architecture.
        method: what is trained.
        dtype: of the frozen weights.
        memory: of the machine, in bytes.
    """
    if not isinstance(method, LoRA) or dtype != "bfloat16":
        return 0
    numbers = sum(
        matrix.inputs * matrix.outputs
        for layer in range(config.num_hidden_layers)
        for matrix in adapted(config, method, layer)
    )
    return 2 * numbers if 2 * numbers < PACKED_SHARE * memory else 0


def optimiser_bytes(config: ModelConfig, method: Method) -> int:
    """Bytes of AdamW's two moments, float32."""
    return 8 * trainable_count(config, method)


def gradient_bytes(config: ModelConfig, method: Method) -> int:
    """Bytes of the gradients, float32."""
    return 4 * trainable_count(config, method)


def logit_bytes(config: ModelConfig, targets: float) -> int:
    """Bytes of the output head's working memory in training, for one chunk of target rows.

    Logits and the exponentials of their log-sum-exp, 4 V bytes each, for at most as many rows as
    fit into a chunk; the gradient is written over the logits.
    """
    rows = min(targets, max(1, LOGIT_CHUNK_BYTES // (4 * config.vocab_size)))
    return int(2 * 4 * config.vocab_size * rows)


def working_bytes_per_token(config: ModelConfig, dtype: str) -> int:
    """Bytes a token of the largest moment of a pass without gradients.

    The residual stream and its normalised copy (2 D), and the gate, its activation, the other half
    and their product (4 I).
    """
    size = max(2, int(DTYPE_BYTES[dtype]))
    queries = (config.num_attention_heads + config.num_key_value_heads) * config.head_dim
    return size * (2 * config.hidden_size + max(4 * config.intermediate_size, 4 * queries))
