"""The plan of a training spec."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from leitai.base import LeitaiError
from leitai.base.specfile import load_spec
from leitai.data import Row
from leitai.planning.lengths import row_lengths
from leitai.planning.machine import Machine
from leitai.planning.plan import Plan, make_plan
from leitai.planning.shapes import SCRATCH, Shape, find_shape
from leitai.planning.tasks import TrainTask
from leitai.training.job import TrainJob, job_rows
from leitai.training.spec import AdaptSpec


def plan_train_spec(
    path: Path,
    machine: Machine,
    *,
    data_root: Path | None = None,
    overrides: Sequence[str] = (),
    base: Path | None = None,
    ranks: int = 1,
) -> tuple[str, Plan]:
    """Plan what `leitai train` would do with a spec.

    Args:
        path: the YAML file.
        machine: where it would run.
        data_root: where public data sets lie.
        overrides: ``key.path=value`` settings on top of the spec.
        base: the checkpoint that the run starts from, when it is there already.
        ranks: processes that train together.

    Returns:
        The model's name and the plan.

    Raises:
        LeitaiError: a mistake in the spec or the data, or a model whose shape is not known.
    """
    job = load_spec(path, TrainJob, overrides)
    folder = path.resolve().parent
    rows, valid = job_rows(job, folder, data_root)
    name = str(base) if base is not None else local(job.model, folder)
    shape = find_shape(name, vocab_size=job.vocab_size)
    plan = plan_adaptation(
        shape,
        rows,
        valid,
        job.adapt,
        machine,
        vocab_size=job.vocab_size,
        dtype=job.dtype,
        date=job.date,
        thinking=job.thinking,
        ranks=ranks,
    )
    return job.model.removeprefix(SCRATCH), plan


def local(model: str, folder: Path) -> str:
    """Find a model's folder beside the spec; leave names alone."""
    beside = folder / model
    return str(beside) if beside.is_dir() else model


def plan_adaptation(
    shape: Shape,
    rows: Sequence[Row],
    valid: Sequence[Row],
    adapt: AdaptSpec,
    machine: Machine,
    *,
    vocab_size: int,
    dtype: str,
    date: str | None = None,
    thinking: bool | None = None,
    ranks: int = 1,
) -> Plan:
    """Plan training on these rows.

    Raises:
        LeitaiError: the objective is not instruction tuning.
    """
    if adapt.objective.name != "instruction":
        raise LeitaiError(
            f"objective {adapt.objective.name} cannot be planned (instruction can)",
            where="adapt.objective",
        )
    lengths = row_lengths(rows, shape, adapt, vocab_size=vocab_size, date=date, thinking=thinking)
    config = shape.config
    if shape.scratch and lengths.vocab_size is not None:
        config = replace(config, vocab_size=lengths.vocab_size)
    task = TrainTask(
        rows=len(rows),
        tokens=lengths.tokens,
        targets=lengths.targets,
        shared=lengths.shared,
        method=adapt.method,
        epochs=adapt.epochs,
        batch_rows=adapt.batch_rows,
        accumulation=adapt.accumulation,
        batch_tokens=adapt.batch_tokens,
        max_steps=adapt.max_steps,
        valid_rows=len(valid),
        longest=lengths.longest,
        checkpointing=adapt.activation_checkpointing,
        ranks=ranks,
        averaged=adapt.ema is not None,
    )
    return make_plan(config, task, machine, dtype)
