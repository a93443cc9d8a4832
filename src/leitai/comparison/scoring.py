"""The tasks put to a contender, and what that cost."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from leitai.base.files import read_json, write_json
from leitai.base.memory import peak_bytes, reset_peak
from leitai.base.progress import progress
from leitai.comparison.contender import Contender, prompting_of
from leitai.comparison.material import Asked
from leitai.comparison.spec import ArmSpec, CompareSpec
from leitai.comparison.stages import Stages
from leitai.data import Row, data_hash
from leitai.evaluation.asking import Prompting
from leitai.evaluation.evaluate import evaluate, parts_of
from leitai.evaluation.respondents import Respondent
from leitai.evaluation.respondents.source import open_respondent


class Scorer:
    """Puts tasks to one contender, which is opened only when something is to be asked."""

    def __init__(
        self,
        contender: Contender,
        spec: CompareSpec,
        train_rows: Sequence[Row],
        spec_folder: Path,
    ) -> None:
        """Take the contender as it is now.

        Args:
            contender: adapted, if it is to be.
            spec: the duel.
            train_rows: what a reference row is made from.
            spec_folder: where relative paths start.
        """
        self.contender, self.spec = contender, spec
        self._train_rows, self._spec_folder = train_rows, spec_folder
        self._open: tuple[Prompting, Respondent] | None = None

    def respondent(self, arm: ArmSpec) -> Respondent:
        """Open the contender under an arm.

        Raises:
            LeitaiError: it cannot be opened.
        """
        contender = self.contender
        prompting = prompting_of(self.spec, contender.spec, arm)
        if self._open is None or self._open[0] != prompting:
            self._open = None  # a model's memory is given back before it is loaded again
            respondent = open_respondent(
                contender.spec,
                prompting,
                folder=contender.folder,
                base=self._spec_folder,
                dtype=self.spec.runtime.dtype,
                device=self.spec.runtime.device,
                training=self._train_rows,
                seed=self.spec.seed,
                checkpoint=contender.model,
                adapter=contender.adapter,
            )
            self._open = prompting, respondent
        return self._open[1]

    def close(self) -> None:
        """Give the contender's memory back."""
        self._open = None

    def inputs(self, asked: Asked, arm: ArmSpec) -> dict[str, Any]:
        """Return all that the records of a task depend on."""
        prompting = prompting_of(self.spec, self.contender.spec, arm)
        return {
            "state": self.contender.state,
            "task": asked.task.model_dump(mode="json"),
            "items": data_hash(asked.items),
            "labels": list(asked.labels),
            "prompting": [prompting.system, prompting.date, prompting.thinking],
            "runtime": self.spec.runtime.model_dump(mode="json"),
        }

    def score(
        self, asked: Asked, arm: ArmSpec, path: Path, stages: Stages, variant: str = ""
    ) -> Path:
        """Write the records of a task, or find them written.

        Args:
            asked: the task.
            arm: how it is asked.
            path: the file of records.
            stages: of the run.
            variant: what tells this from the deciding way to ask; empty for that one.

        Returns:
            The file.

        Raises:
            LeitaiError: the contender cannot do or be asked this.
        """
        task = asked.task
        name = "-".join(part for part in (task.name, self.contender.key, variant) if part)

        def work() -> None:
            respondent = self.respondent(arm)
            title = f"{name}: {self.contender.spec.title}"
            with self.measured(name, len(asked.items)), progress(title, len(asked.items)) as tick:
                evaluate(task, asked.items, asked.labels, respondent, path, tick)

        stages.run(f"score-{name}", self.inputs(asked, arm), [path], work, scratch=[parts_of(path)])
        return path

    @contextmanager
    def measured(self, name: str, items: int) -> Iterator[None]:
        """Note seconds and memory of what is done inside."""
        reset_peak()
        start = time.perf_counter()
        yield
        write_cost(self.contender, name, time.perf_counter() - start, items)


def write_cost(contender: Contender, name: str, seconds: float, items: int) -> None:
    """Note what it cost to ask so many items of a task."""
    cost = {"seconds": seconds, "items": items, "peak_bytes": peak_bytes()}
    write_json(contender.folder / "cost" / f"score-{name}.json", cost)


def score_cost(contender: Contender) -> dict[str, float]:
    """Sum what asking cost over all tasks, as last measured."""
    found = [read_json(path) for path in sorted((contender.folder / "cost").glob("score-*.json"))]
    return {
        "seconds": sum(cost["seconds"] for cost in found),
        "items": sum(cost["items"] for cost in found),
        "peak_bytes": max((cost["peak_bytes"] for cost in found), default=0),
    }
