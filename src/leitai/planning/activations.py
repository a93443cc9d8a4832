"""What autograd keeps of a training step, counted from the modules of `models` and `adapters`."""

from leitai.adapters.method import LinearAdapter
from leitai.models.config import ModelConfig
from leitai.planning.cost import Method, adapted, trained_blocks


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

    Without the compiled kernels the norms keep their input in float32 and, where their weight is
    trained, the normalised input too, and the feed-forward network its activation (I).

    With everything frozen below them, blocks that gradients do not reach keep nothing.
    """
    size, trained = _sizes(method, dtype)
    hidden, inner = config.hidden_size, config.intermediate_size
    queries = config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim
    normed = size if native else 4 + 4 * trained  # bytes of a number that a norm keeps
    heads = config.num_attention_heads + config.num_key_value_heads
    total: float = 2 * (normed * hidden + 4)
    if config.traits.qk_norm:
        total += normed * (queries + keys) + 4 * heads
    total += size * (2 * queries + 2 * keys) + 4 * config.num_attention_heads
    total += size * (2 if native else 3) * inner
    if not isinstance(method, LinearAdapter):
        return total + size * (2 * hidden + inner)
    blocks = trained_blocks(config, method)
    first = config.num_hidden_layers - blocks
    for layer in range(first, config.num_hidden_layers):
        names = {matrix.name.rpartition(".")[2] for matrix in adapted(config, method, layer)}
        inputs = hidden * bool(names & {"q_proj", "k_proj", "v_proj"})
        inputs += hidden * bool(names & {"gate_proj", "up_proj"}) + inner * ("down_proj" in names)
        total += size * (inputs + method.inner * len(names)) / blocks
    return total


def _sizes(method: Method, dtype: str) -> tuple[int, bool]:
    """Bytes of a number that is computed with, and whether norms are trained."""
    if isinstance(method, LinearAdapter):
        return (4 if dtype == "float32" else 2), False
    return 4, True


def activation_bytes(
    config: ModelConfig, method: Method, dtype: str, tokens: float, *, native: bool
) -> int:
    """Bytes kept by all blocks for a micro-batch of `tokens` unique tokens.

    The final norm, the rotation's cosines and sines and the rows of the loss add about 4 D a token.
    """
    blocks = trained_blocks(config, method)
    per_token = (
        blocks * kept_bytes_per_token(config, method, dtype, native=native)
        + 16 * config.hidden_size
    )
    return int(tokens * per_token)


def backward_bytes_per_token(config: ModelConfig, method: Method, dtype: str) -> float:
    """Bytes a token of the gradients at work within one block on the way back.

    In the feed-forward network, at its widest: gradients of the product, of both factors and of the
    gate (4 I), and of the residual stream (2 D).
    """
    size, _ = _sizes(method, dtype)
    return size * (4 * config.intermediate_size + 2 * config.hidden_size)
