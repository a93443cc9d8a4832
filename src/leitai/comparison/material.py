"""The rows of a duel: what is learnt from, and what is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leitai.base.errors import LeitaiError
from leitai.comparison.contender import system_of
from leitai.comparison.spec import ArmSpec, CompareSpec
from leitai.comparison.stopping import can_stop, in_clusters
from leitai.data import DataSource, Row, labels_of, load_rows, row_with, with_system
from leitai.evaluation import BaseTask


@dataclass(frozen=True, slots=True)
class Asked:
    """A task with the items that it asks, in the order that was fixed before anything is asked.

    Attributes:
        task: with the wording that its data are asked in.
        items: rows that end with the reference answer.
        labels: all labels of the data; empty where rows have none.
    """

    task: BaseTask
    items: Sequence[Row]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where relative paths and public data sets are looked for."""

    spec_folder: Path
    data_root: Path | None

    def rows(self, source: DataSource) -> Sequence[Row]:
        """Load a source.

        Raises:
            LeitaiError: it is not there or broken.
        """
        return load_rows(source, base_folder=self.spec_folder, data_root=self.data_root)


def training_rows(spec: CompareSpec, place: Place) -> tuple[list[Row], list[Row]]:
    """Load what is learnt from and what early stopping looks at, system prompt included.

    Raises:
        LeitaiError: a source is broken, or has no rows in a split that is needed.
    """
    system = system_of(spec, spec.main_arm)
    parts: dict[str, list[Row]] = {"train": [], "validation": []}
    for number, source in enumerate(spec.train_on):
        for row in place.rows(source):
            if row.split in parts:
                parts[row.split].append(
                    replace(
                        row_with(row, lambda messages: with_system(messages, system)),
                        id=f"{number}/{row.id}",
                    )
                )
    needed = parts if spec.adapt is not None else {"train": parts["train"]}
    for name, rows in needed.items():
        if spec.train_on and not rows:
            raise LeitaiError(
                f"train_on has no rows in its {name} split",
                where=spec.name,
                remedy="give the data a `split`, such as {train: 0.8, validation: 0.1, test: 0.1}",
            )
    return parts["train"], parts["validation"]


def asked_tasks(spec: CompareSpec, place: Place) -> dict[str, Asked]:
    """Load the items of every task as the deciding arm asks them, by the task's name.

    Raises:
        LeitaiError: a source is broken, or has no items.
    """
    return {task.name: ask_under(task, spec.main_arm, spec, place) for task in spec.tasks}


def ask_under(task: BaseTask, arm: ArmSpec, spec: CompareSpec, place: Place) -> Asked:
    """Load the items of a task in an arm's wording.

    Raises:
        LeitaiError: the data have no such wording, are broken, or have no items.
    """
    if arm.template is not None and task.data.set is not None:
        data = task.data.model_copy(update={"template": arm.template})
        task = task.model_copy(update={"data": data})
    rows = place.rows(task.data)
    labelled = any(row.label is not None for row in rows)
    labels = (
        labels_of(task.data, rows, base_folder=place.spec_folder, data_root=place.data_root)
        if labelled
        else ()
    )
    items = task.pick(rows, spec.seed)
    if spec.verdict.stopping == "safe" and can_stop(task):
        items = in_clusters(items, spec.seed)
    return Asked(task, items, labels)
