"""The memory of training at its largest moment."""

from leitai.adapters import cost
from leitai.models.config import ModelConfig
from leitai.planning.tasks import TrainTask
from leitai.training.memory import StepSize, step_memory


def training_memory(
    config: ModelConfig, task: TrainTask, dtype: str, *, native: bool, checkpointing: bool
) -> dict[str, int]:
    """Return the bytes of each part at the peak of a step; see `step_memory`.

    Args:
        config: the architecture.
        task: the training.
        dtype: that is computed in.
        native: whether the compiled kernels are there.
        checkpointing: whether blocks are computed again on the way back.
    """
    rows = task.micro_rows
    tokens = task.unique(rows, task.longest)
    if task.longest is not None:
        tokens = min(tokens, max(task.batch_tokens, task.longest))
    targets = min(tokens, rows * task.targets * (task.longest or task.tokens) / task.tokens)
    step = StepSize(tokens, targets, accumulates=task.window > rows)
    parts = step_memory(
        config, task.method, dtype, step, native=native, checkpointing=checkpointing
    )
    if task.averaged:
        parts["optimiser"] += cost.gradient_bytes(config, task.method)
    return {"weights": cost.training_weight_bytes(config, task.method, dtype)} | parts
