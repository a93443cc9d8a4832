"""The tasks put to a contender, and what that cost."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leitai.base.files import read_json, write_json
from leitai.base.memory import peak_bytes, reset_peak
from leitai.base.progress import progress
from leitai.comparison.contender import Contender, prompting_of
from leitai.comparison.spec import CompareSpec
from leitai.comparison.stages import Stages
from leitai.data import Row, data_hash
from leitai.evaluation import Task
from leitai.evaluation.evaluate import evaluate
from leitai.evaluation.respondents.local import Local

if TYPE_CHECKING:
    from leitai.inference import LanguageModel


class Scorer:
    """Scores the tasks of one contender; the model is loaded only when something is to be done."""

    def __init__(self, contender: Contender, spec: CompareSpec) -> None:
        self.contender, self.spec = contender, spec
        self._lm: LanguageModel | None = None

    def _model(self) -> "LanguageModel":
        if self._lm is None:
            from leitai.inference import LanguageModel

            self._lm = LanguageModel.load(
                str(self.contender.model),
                dtype=self.spec.runtime.dtype,
                device=self.spec.runtime.device,
                adapter=None if self.contender.adapter is None else str(self.contender.adapter),
            )
        return self._lm

    def score(
        self, task: Task, items: Sequence[Row], labels: tuple[str, ...], run: Path, stages: Stages
    ) -> Path:
        """Write the records of a task, or find them written; returns their file."""
        key, spec = self.contender.key, self.spec
        path = run / "scores" / task.name / f"{key}.jsonl"
        prompting = prompting_of(spec, self.contender.spec)
        inputs: dict[str, Any] = {
            "state": self.contender.state,
            "task": task.model_dump(mode="json"),
            "items": data_hash(items),
            "labels": list(labels),
            "prompting": [prompting.system, prompting.date, prompting.thinking],
            "runtime": spec.runtime.model_dump(mode="json"),
        }

        def work() -> None:
            reset_peak()
            lm = self._model()
            start = time.perf_counter()
            with progress(f"{key} {self.contender.spec.title}: {task.name}", len(items)) as tick:
                evaluate(task, items, labels, Local(lm, prompting), path, tick)
            seconds = time.perf_counter() - start
            cost = {"seconds": seconds, "items": len(items), "peak_bytes": peak_bytes()}
            write_json(_score_cost(self.contender, task), cost)

        parts = path.with_suffix(".parts")
        stages.run(f"score-{task.name}-{key}", inputs, [path], work, scratch=[parts])
        return path


def _score_cost(contender: Contender, task: Task) -> Path:
    return contender.folder / "cost" / f"score-{task.name}.json"


def score_cost(contender: Contender, tasks: Sequence[Task]) -> dict[str, float]:
    """Sum what scoring cost over all tasks, as last measured."""
    found = [read_json(p) for task in tasks if (p := _score_cost(contender, task)).exists()]
    return {
        "seconds": sum(cost["seconds"] for cost in found),
        "items": sum(cost["items"] for cost in found),
        "peak_bytes": max((cost["peak_bytes"] for cost in found), default=0),
    }
