"""The memory of training, and of writing, at its largest moment."""

from leitai.adapters import cost, leaves_adapter
from leitai.adapters.method import Full
from leitai.models.config import ModelConfig
from leitai.models.presets import parameter_count
from leitai.planning.machine import Machine
from leitai.planning.tasks import TrainTask
from leitai.training.dividing import weights_divide
from leitai.training.memory import StepSize, step_memory

PRODUCT_CODE_BYTES = 160_000_000
"""What oneDNN's code for half-precision products takes, bounded by `base.memory`; measured on a
nano model, whose own numbers are a hundredth of it. A plain float32 product needs none."""


def training_memory(
    config: ModelConfig, task: TrainTask, dtype: str, machine: Machine, *, checkpointing: bool
) -> dict[str, int]:
    """Return the bytes of each part at the peak of a step; see `step_memory`.

    Args:
        config: the architecture.
        task: the training.
        dtype: that is computed in.
        machine: that it runs on.
        checkpointing: whether blocks are computed again on the way back.
    """
    rows = task.micro_rows
    tokens = task.unique(rows, task.longest)
    if task.longest is not None:
        tokens = min(tokens, max(task.batch_tokens, task.longest))
    targets = min(tokens, rows * task.targets * (task.longest or task.tokens) / task.tokens)
    step = StepSize(tokens, targets, accumulates=task.window > rows * task.ranks)
    weights = cost.training_weight_bytes(config, task.method, dtype)
    if machine.packs(config, task.method, dtype):
        weights += cost.packed_bytes(config, task.method, dtype, machine.memory_bytes)
    parts = {"weights": weights} | step_memory(
        config, task.method, dtype, step, native=machine.native, checkpointing=checkpointing
    )
    if dtype != "float32" and machine.device == "cpu":
        parts["code of products"] = PRODUCT_CODE_BYTES
    if task.averaged:
        parts["average"] = 4 * cost.trainable_count(config, task.method)
    apart = task.ranks > 1 and weights_divide(task.method, dtype)
    return divided(config, task, dtype, parts) if apart else parts


def divided(
    config: ModelConfig, task: TrainTask, dtype: str, parts: dict[str, int]
) -> dict[str, int]:
    """Return the bytes on each of several devices that hold a part of the weights (FSDP2).

    Weights, gradients and the optimiser's state are divided by the number of devices; what belongs
    to a device's own rows is not. Whole at one time are the embedding and the head, which stay
    gathered from the pass forwards to the end of the way back, the block at work and the next one,
    which is fetched meanwhile, and of what is trained among them the gradients.

    Args:
        config: the architecture.
        task: the training.
        dtype: that is computed in.
        parts: of one device, for its own rows.
    """
    adapts = leaves_adapter(task.method)
    weights = cost.weight_bytes(config, dtype if adapts else "float32")
    weights += 4 * cost.trainable_count(config, task.method) if adapts else 0
    size = cost.DTYPE_BYTES[dtype]
    embedding = config.vocab_size * config.hidden_size
    block = parameter_count(config, embedding=False) / config.num_hidden_layers
    heads = 0 if config.tie_word_embeddings else embedding
    whole = (size if adapts else 4) * embedding + size * (heads + 2 * block)
    if not adapts:
        whole += size * block
    if isinstance(task.method, Full):
        whole += 4 * embedding + size * heads
    held = {"gradients", "optimiser", "average"}
    shares = {name: size // task.ranks if name in held else size for name, size in parts.items()}
    return shares | {"weights": weights // task.ranks, "gathered weights": int(whole)}


def serving_memory(
    config: ModelConfig, dtype: str, *, streams: int, cached: float, prefill: float
) -> dict[str, int]:
    """Return the bytes of each part while answers are written.

    Args:
        config: the architecture.
        dtype: of the weights.
        streams: answers that are written together.
        cached: tokens whose keys and values are kept, of all streams together.
        prefill: tokens of prompts that are read at once.
    """
    return {
        "weights": cost.weight_bytes(config, dtype),
        "keys and values": int(cached * cost.cache_bytes_per_token(config, dtype)),
        "activations": int(prefill * cost.working_bytes_per_token(config, dtype)),
        "logits": 4 * streams * config.vocab_size,
    }
