"""The memory of a training step, counted from the modules of `models` and `adapters`.

`leitai plan` uses it for models that are not there, and training itself to decide about activation
checkpointing.
"""

from dataclasses import dataclass

from leitai.adapters import cost
from leitai.adapters.cost import Method, adapted, trained_blocks
from leitai.adapters.method import BottleneckAdapter, Full, LinearAdapter
from leitai.models.config import ModelConfig

MARGIN = 0.9
"""Of the free memory, what a step may be predicted to need before its activations are recomputed;
the prediction is within about a tenth."""


PASS_BYTES, PASS_TOKENS = 500 << 20, 400
"""Of activations: a batch that keeps more, and has more tokens, wins nothing on a CPU, where
products run at their full rate from a few hundred tokens on."""


@dataclass(frozen=True, slots=True)
class StepSize:
    """The largest batch of a run.

    Attributes:
        tokens: unique ones, that are computed at once.
        targets: rows of the output head.
        accumulates: whether a step has several batches, whose gradients wait for one another.
    """

    tokens: float
    targets: float
    accumulates: bool = False


def kept_bytes_per_token(config: ModelConfig, method: Method, dtype: str, *, native: bool) -> float:
    """Bytes that one unique token keeps in a block that gradients reach, its average.

    With D, I, Q = H d and K = (key-value heads) d, in numbers a token:

    - two norms: their input (D each)
    - Qwen3's norms of queries and keys: their input (Q + K)
    - attention: rotated queries, keys, values and the output (2 Q + 2 K), and a float32
      log-sum-exp a head
    - feed-forward: gate and the other half (2 I)
    - inputs of layers with something to train: of q, k and v together (D), of gate and up together
      (D), of down (I); that of o is the attention's output already
    - LoRA: r for each adapted layer
    - bottlenecks: what they read (D), and their middle before and behind the activation

    Without the compiled kernels the norms keep their input in float32 and, where their weight is
    trained, the normalised input too, and the feed-forward network its activation (I).

    With everything frozen below them, blocks that gradients do not reach keep nothing.
    """
    size, trained = _sizes(method, dtype)
    hidden, inner = config.hidden_size, config.intermediate_size
    queries = config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim
    normed = size if native else 4 + size * trained  # bytes of a number that a norm keeps
    heads = config.num_attention_heads + config.num_key_value_heads
    total: float = 2 * (normed * hidden + 4)
    if config.traits.qk_norm:
        total += normed * (queries + keys) + 4 * heads
    total += size * (2 * queries + 2 * keys) + 4 * config.num_attention_heads
    total += size * (2 if native else 3) * inner
    if isinstance(method, BottleneckAdapter):
        total += size * len(method.sublayers) * (hidden + 2 * method.size)
    if not isinstance(method, LinearAdapter):
        return total if method.frozen_base else total + size * (2 * hidden + inner)
    blocks = trained_blocks(config, method)
    first = config.num_hidden_layers - blocks
    for layer in range(first, config.num_hidden_layers):
        names = {matrix.name.rpartition(".")[2] for matrix in adapted(config, method, layer)}
        inputs = hidden * bool(names & {"q_proj", "k_proj", "v_proj"})
        inputs += hidden * bool(names & {"gate_proj", "up_proj"}) + inner * ("down_proj" in names)
        total += size * (inputs + method.inner * len(names)) / blocks
    return total


def unread_bytes_per_token(
    config: ModelConfig, method: Method, dtype: str, *, native: bool
) -> float:
    """Of `kept_bytes_per_token`, what a token saves in the last block if nothing reads its output.

    It is what belongs to the feed-forward network and the norm before it.
    """
    size, trained = _sizes(method, dtype)
    hidden, inner = config.hidden_size, config.intermediate_size
    total: float = (size if native else 4 + size * trained) * hidden + 4
    total += size * (2 if native else 3) * inner
    if isinstance(method, BottleneckAdapter):
        return total + size * (hidden + 2 * method.size) * ("mlp" in method.sublayers)
    if not isinstance(method, LinearAdapter):
        return total if method.frozen_base else total + size * (hidden + inner)
    last = config.num_hidden_layers - 1
    names = {matrix.name.rpartition(".")[2] for matrix in adapted(config, method, last)}
    names &= set(cost.FEED_FORWARD)
    inputs = hidden * bool(names & {"gate_proj", "up_proj"}) + inner * ("down_proj" in names)
    return total + size * (inputs + method.inner * len(names))


def _sizes(method: Method, dtype: str) -> tuple[int, bool]:
    """Bytes of a number that is computed with, and whether norms are trained."""
    return (4 if dtype == "float32" else 2), not method.frozen_base


def activation_bytes(
    config: ModelConfig,
    method: Method,
    dtype: str,
    tokens: float,
    *,
    native: bool,
    checkpointing: bool = False,
    unread: float = 0.0,
) -> int:
    """Bytes kept by all blocks for a micro-batch of `tokens` unique tokens when the loss is there.

    Of `unread` of them no output is wanted (see `Decoder.forward`).

    With activation checkpointing (Chen et al., arXiv 1604.06174) a block keeps its input alone. The
    final norm and the rows of the loss add about 2 D a token, the rotation 2 d.
    """
    size, _ = _sizes(method, dtype)
    kept = kept_bytes_per_token(config, method, dtype, native=native)
    block = size * config.hidden_size if checkpointing else kept
    blocks = trained_blocks(config, method)
    beyond = 2 * size * (config.hidden_size + config.head_dim)
    saved: float = 2 * size * config.hidden_size
    if not checkpointing:
        saved += unread_bytes_per_token(config, method, dtype, native=native)
    return int(tokens * (blocks * block + beyond) - unread * saved)


def enough_tokens(config: ModelConfig, method: Method, dtype: str, *, native: bool) -> float:
    """Unique tokens from which on a larger batch takes more memory and no less time, on a CPU."""
    kept = kept_bytes_per_token(config, method, dtype, native=native)
    return max(PASS_TOKENS, PASS_BYTES / (kept * trained_blocks(config, method)))


def backward_bytes_per_token(config: ModelConfig, method: Method, dtype: str) -> float:
    """Bytes a token of the gradients at work within one block on the way back.

    In the feed-forward network, at its widest: gradients of the product, of both factors and of the
    gate (4 I), and of the residual stream (2 D).
    """
    size, _ = _sizes(method, dtype)
    return size * (4 * config.intermediate_size + 2 * config.hidden_size)


def step_memory(
    config: ModelConfig,
    method: Method,
    dtype: str,
    step: StepSize,
    *,
    native: bool,
    checkpointing: bool,
) -> dict[str, int]:
    """Return the bytes of each part at the peak of a step, the weights left out.

    Three moments compete. When the loss is reached, everything that autograd keeps is there, a
    chunk of logits, under `Full` the head's gradient, and the gradients of a step's earlier
    batches. With checkpointing the topmost block is then computed again, the logits gone. When the
    walk back ends, all gradients are there and one block's work; a tied embedding's gradient then
    comes as a second matrix that is added to the head's.

    Args:
        config: the architecture.
        method: what is trained.
        dtype: that is computed in.
        step: the largest batch.
        native: whether the compiled kernels are there.
        checkpointing: whether blocks are computed again on the way back.
    """
    gradients = cost.gradient_bytes(config, method)
    full = isinstance(method, Full)
    head = (4 if dtype == "float32" else 2) * config.vocab_size * config.hidden_size * full
    before = max(gradients if step.accumulates else 0, head)
    kept = activation_bytes(
        config,
        method,
        dtype,
        step.tokens,
        native=native,
        checkpointing=checkpointing,
        unread=max(0.0, step.tokens - step.targets),
    )
    block = kept_bytes_per_token(config, method, dtype, native=native)
    again = int(step.tokens * block) if checkpointing else 0
    work = int(step.tokens * backward_bytes_per_token(config, method, dtype))
    moments = [
        {
            "activations": kept,
            "gradients": before,
            "logits": cost.logit_bytes(config, step.targets),
        },
        {"activations": kept + again, "gradients": before, "one block's work": work},
        {
            "activations": again,
            "gradients": gradients + (head if config.tie_word_embeddings else 0),
            "one block's work": work,
        },
    ]
    if not checkpointing:  # logits are freed while the walk back begins
        moments[0]["one block's work"] = work
    peak = max(moments, key=lambda parts: sum(parts.values()))
    parts = ("activations", "gradients", "logits", "one block's work")
    return {"optimiser": cost.optimiser_bytes(config, method)} | {
        part: peak.get(part, 0) for part in parts
    }


def needs_checkpointing(without: int, free: int) -> bool:
    """Whether a step that keeps its activations is too large for the free memory, in bytes."""
    return without > MARGIN * free
