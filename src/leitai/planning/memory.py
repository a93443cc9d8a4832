"""The memory of training at its largest moment."""

from leitai.adapters.method import Full
from leitai.models.config import ModelConfig
from leitai.planning import cost
from leitai.planning.activations import activation_bytes, backward_bytes_per_token
from leitai.planning.tasks import TrainTask


def training_memory(
    config: ModelConfig, task: TrainTask, dtype: str, *, native: bool
) -> dict[str, int]:
    """Return the bytes of each part at the peak of a step.

    Two moments compete. When the loss is reached, everything that autograd keeps is there, a chunk
    of logits, under `Full` the head's gradient, and the gradients of a step's earlier batches. When
    the walk back ends, all gradients are there and one block's work; a tied embedding's gradient
    then comes as a second matrix that is added to the head's.
    """
    method = task.method
    rows = task.micro_rows
    tokens = task.unique(rows, task.longest)
    if task.longest is not None:
        tokens = min(tokens, max(task.batch_tokens, task.longest))
    gradients = cost.gradient_bytes(config, method)
    embedding = 4 * config.vocab_size * config.hidden_size
    targets = min(tokens, rows * task.targets * (task.longest or task.tokens) / task.tokens)
    earlier = gradients if task.window > rows else 0
    full = isinstance(method, Full)
    loss = {
        "activations": activation_bytes(config, method, dtype, tokens, native=native),
        "gradients": max(earlier, embedding if full else 0),
        "logits": cost.logit_bytes(config, targets),
        "one block's work": int(tokens * backward_bytes_per_token(config, method, dtype)),
    }
    back = {
        "one block's work": int(tokens * backward_bytes_per_token(config, method, dtype)),
        "activations": 0,
        "gradients": gradients + (embedding if full and config.tie_word_embeddings else 0),
        "logits": 0,
    }
    lasting = {
        "weights": cost.weight_bytes(config, dtype) + lora_bytes(config, task),
        "optimiser": cost.optimiser_bytes(config, method)
        + (cost.gradient_bytes(config, method) if task.averaged else 0),
    }
    return lasting | max(loss, back, key=lambda parts: sum(parts.values()))


def lora_bytes(config: ModelConfig, task: TrainTask) -> int:
    """Bytes of LoRA's own numbers, float32."""
    return 4 * cost.trainable_count(config, task.method) if task.method.name == "lora" else 0
