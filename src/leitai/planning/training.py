"""The time of training."""

from leitai.adapters import cost
from leitai.adapters.method import Full, LinearAdapter
from leitai.models.config import ModelConfig
from leitai.planning.machine import Machine
from leitai.planning.products import (
    compute_dtype,
    forward_products,
    gradient_seconds,
    head_products,
    seconds_of,
    training_products,
)
from leitai.planning.tasks import TrainTask
from leitai.training.memory import activation_bytes

STEP_SECONDS = 0.002
"""A step's own costs: choosing rows, planting the forest, the log. Measured on nano models."""


def training_seconds(
    config: ModelConfig, task: TrainTask, machine: Machine, dtype: str, *, checkpointing: bool
) -> dict[str, float]:
    """Return the seconds of each part of a run: all steps, and a validation after each epoch.

    With activation checkpointing the blocks that gradients reach run forwards twice.
    """
    method = task.method
    rows = task.micro_rows
    batches = task.steps * task.window / rows
    tokens = task.unique(rows)
    blocks = cost.trained_blocks(config, method)
    kind = "lora" if isinstance(method, LinearAdapter) else "full"
    dtype = compute_dtype(method, dtype)
    beyond = machine.training.get(f"{kind} {dtype}") or machine.training["lora bfloat16"]
    moved = activation_bytes(config, method, dtype, tokens, native=machine.native)
    below = config.num_hidden_layers - blocks
    passing = machine.forward.get(dtype) or machine.forward["bfloat16"]
    between = blocks * beyond["call"] + moved * beyond["byte"] + below * passing["call"]
    between += below * tokens * cost.working_bytes_per_token(config, dtype) * passing["byte"]
    rate = machine.attention.get(f"{dtype}+training") or machine.attention["bfloat16+training"]
    share = blocks / config.num_hidden_layers
    attention = cost.attention_flops(config, task.pairs(rows), backward=True) * share / rate
    attention += blocks * task.attention_calls(rows) * machine.attention["call+training"]
    targets = rows * task.targets
    chunk = min(targets, max(1, cost.LOGIT_CHUNK_BYTES // (4 * config.vocab_size)))
    head = seconds_of(head_products(config, dtype, chunk, method), machine) * targets / chunk
    head += targets * config.vocab_size * machine.logit
    if isinstance(method, Full):  # the head's gradient, zeroed, filled and scaled
        head += 16 * config.vocab_size * config.hidden_size / machine.stream
    products = seconds_of(
        training_products(
            config, method, dtype, tokens, packed=machine.packs(config, method, dtype)
        ),
        machine,
    )
    update = cost.trainable_count(config, method) * machine.optimiser + STEP_SECONDS
    parts = {
        "matrix products": batches * products,
        "attention": batches * attention,
        "everything between": batches * between,
        "output head": batches * head,
        "optimiser": task.steps * update + batches * gradient_seconds(config, method, machine),
    }
    if checkpointing:
        again = seconds_of(forward_products(config, dtype, tokens), machine)
        forward_rate = machine.attention.get(dtype) or machine.attention["bfloat16"]
        again += cost.attention_flops(config, task.pairs(rows)) / forward_rate
        working = tokens * cost.working_bytes_per_token(config, dtype)
        again += config.num_hidden_layers * (passing["call"] + working * passing["byte"])
        again += config.num_hidden_layers * task.attention_calls(rows) * machine.attention["call"]
        parts["recomputation"] = batches * share * again
    if task.valid_rows:
        third = (parts["matrix products"] + parts["attention"] + parts["output head"]) / 3
        evaluations = min(task.epochs, max(1, task.steps * task.window // task.rows))
        read = task.steps * task.window
        parts["validation"] = third * evaluations * task.valid_rows / read
    return parts
