"""The memory of training at its largest moment."""

from leitai.adapters import cost
from leitai.models.config import ModelConfig
from leitai.planning.machine import Machine
from leitai.planning.tasks import TrainTask
from leitai.training.memory import StepSize, step_memory


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
    step = StepSize(tokens, targets, accumulates=task.window > rows)
    weights = cost.training_weight_bytes(config, task.method, dtype)
    if machine.packs(config, task.method, dtype):
        weights += cost.packed_bytes(config, task.method, dtype, machine.memory_bytes)
    parts = {"weights": weights} | step_memory(
        config, task.method, dtype, step, native=machine.native, checkpointing=checkpointing
    )
    if task.averaged:
        parts["average"] = 4 * cost.trainable_count(config, task.method)
    return parts
