"""What a duel will take, before it is run."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from leitai.base.specfile import load_spec
from leitai.comparison.search.draws import steps_in_all
from leitai.comparison.spec import CompareSpec
from leitai.data import Row, labels_of, load_rows, with_system
from leitai.evaluation import Classification, ExactMatch, Task
from leitai.planning import (
    GenerateTask,
    Machine,
    Plan,
    ScoreTask,
    Shape,
    find_shape,
    make_plan,
)
from leitai.planning.lengths import Lengths, row_lengths
from leitai.planning.specs import local, plan_adaptation
from leitai.training.spec import AdaptSpec


def forecast(
    path: Path,
    machine: Machine,
    *,
    data_root: Path | None = None,
    overrides: Sequence[str] = (),
) -> dict[str, Plan]:
    """Plan each part of a duel: both adaptations and both contenders' tasks.

    Args:
        path: the YAML file of `leitai compare`.
        machine: where it would run.
        data_root: where public data sets lie.
        overrides: ``key.path=value`` settings on top of the spec.

    Raises:
        LeitaiError: a mistake in the spec or the data, or a model whose shape is not known.
    """
    spec = load_spec(path, CompareSpec, overrides)
    folder = path.resolve().parent
    learnt: dict[str, list[Row]] = {"train": [], "validation": []}
    for source in spec.train_on:
        for row in load_rows(source, base_folder=folder, data_root=data_root):
            if (part := row.split or "train") in learnt:
                learnt[part].append(_asked(row, spec))
    plans: dict[str, Plan] = {}
    what, adapt = "adapt", spec.adapt
    if adapt is not None and spec.search is not None:
        per_epoch = math.ceil(len(learnt["train"]) / (adapt.batch_rows * adapt.accumulation))
        steps = steps_in_all(adapt, spec.search, spec.seed, per_epoch)
        passes = math.ceil(steps / max(1, per_epoch))
        what, adapt = "search", adapt.model_copy(update={"epochs": passes, "max_steps": steps})
    for contender in spec.contenders:
        shape = find_shape(local(contender.model, folder), vocab_size=spec.scratch.vocab_size)
        if adapt is not None and learnt["train"]:
            plans[f"{contender.title}: {what}"] = plan_adaptation(
                shape,
                learnt["train"],
                learnt["validation"],
                adapt,
                machine,
                vocab_size=spec.scratch.vocab_size,
                dtype=spec.runtime.dtype,
                date=spec.prompting.date,
                thinking=contender.thinking,
            )
        for task in spec.tasks:
            rows = load_rows(task.data, base_folder=folder, data_root=data_root)
            items = [_asked(r, spec) for r in rows if task.split in ("all", r.split or "test")]
            items = items[: task.max_items]
            if not items:
                continue
            lengths = row_lengths(
                items,
                shape,
                AdaptSpec(turns="last", max_length=shape.config.max_position_embeddings),
                vocab_size=spec.scratch.vocab_size,
                learn_from=learnt["train"] or items,
                date=spec.prompting.date,
                thinking=contender.thinking,
            )
            labels = labels_of(task.data, rows, base_folder=folder, data_root=data_root)
            plans[f"{contender.title}: {task.name}"] = _plan_task(
                task, shape, lengths, len(items), len(labels), machine, spec.runtime.dtype
            )
    return plans


def _asked(row: Row, spec: CompareSpec) -> Row:
    system = None if spec.prompting.system == "native" else spec.prompting.system
    return replace(row, messages=with_system(row.messages, system))


def _plan_task(
    task: Task,
    shape: Shape,
    lengths: Lengths,
    items: int,
    labels: int,
    machine: Machine,
    dtype: str,
) -> Plan:
    context = max(1.0, lengths.tokens - lengths.targets)
    config = shape.config
    if lengths.vocab_size is not None and shape.scratch:
        config = replace(config, vocab_size=lengths.vocab_size)
    writes = isinstance(task, ExactMatch) or (
        isinstance(task, Classification) and task.grade == "generation"
    )
    if writes:
        asked = GenerateTask(items, context, max(1, math.ceil(lengths.targets)))
        return make_plan(config, asked, machine, dtype)
    choices = max(1, labels) if isinstance(task, Classification) else 1
    shared = min(lengths.shared, context - 1)
    scored = ScoreTask(items, context, choices, lengths.targets, max(0.0, shared))
    return make_plan(config, scored, machine, dtype)
