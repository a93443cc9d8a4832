"""The single runs of methods.py: what identifies one, its training, its questions."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from forked import run_all
from methods_cases import Case, Rows

from leitai.base.files import hash_value, read_json
from leitai.data import DataSource, data_hash
from leitai.evaluation import Classification, read_records
from leitai.evaluation.asking import Prompting
from leitai.evaluation.evaluate import evaluate
from leitai.evaluation.respondents.local import Local
from leitai.inference import LanguageModel
from leitai.training import AdaptSpec, train

BATCH_ROWS = 8
EARLY_PATIENCE, EARLY_EVALUATIONS = 3, 12
DATE = "26 Jul 2024"

Work = tuple[str, Path, Callable[[], dict[str, Any]]]


@dataclass(frozen=True)
class Bench:
    """What all runs share.

    Attributes:
        runs: where they are kept.
        rows: by the data's name.
        steps: updates of a run in the first table.
        at_once: runs at a time.
        grid: a method's rates.
    """

    runs: Path
    rows: dict[str, Rows]
    steps: int
    at_once: int
    grid: Callable[[Case], tuple[float, ...]]

    def do(self, works: Iterable[Work]) -> None:
        """Do what is not done yet."""
        run_all(works, at_once=self.at_once, tell=partial(print, flush=True))


@dataclass(frozen=True)
class Run:
    """One training run and its questions.

    Attributes:
        base: the folder of the model.
        base_key: what the model came from.
        case: the method.
        data: the name of the data.
        rate: the peak learning rate.
        seed: of the rows, the start, order and noise.
        per_label: labels a class, None as in the first table.
        steps: updates at most.
        early: stop early and keep the weights that were best on validation, not the last ones.
    """

    base: Path
    base_key: str
    case: Case
    data: str
    rate: float
    seed: int
    steps: int
    per_label: int | None = None
    early: bool = False

    @property
    def spec(self) -> AdaptSpec:
        """How it trains."""
        return AdaptSpec(
            method=self.case.method,
            epochs=self.steps,
            max_steps=self.steps,
            batch_rows=BATCH_ROWS,
            learning_rate=self.rate,
            schedule="linear",
            evaluate_every=max(1, self.steps // (EARLY_EVALUATIONS if self.early else 1)),
            patience=EARLY_PATIENCE if self.early else None,
        )

    def files(self, bench: Bench) -> tuple[Path, Path]:
        """Return where its training and its accuracy are kept."""
        rows = bench.rows[self.data]
        parts = [rows.few(self.seed, self.per_label), rows.validation, rows.test]
        hashes = [data_hash(part) for part in parts]
        settings = [self.base_key, self.spec.model_dump(mode="json"), self.case.dtype, self.seed]
        key = hash_value([*settings, hashes])[:16]
        return bench.runs / f"{key}.json", bench.runs / f"{key}.test.json"

    def training(self, bench: Bench) -> Work:
        """Return the work of training."""
        rows, path = bench.rows[self.data], self.files(bench)[0]

        def work() -> dict[str, Any]:
            result = train(
                self.base,
                rows.few(self.seed, self.per_label),
                rows.validation,
                self.spec,
                path.with_suffix(""),
                resume=False,  # its time would not be that of a whole run
                seed=self.seed,
                date=DATE,
                dtype=self.case.dtype,
                track=(),
            )
            found = {"best_loss": result.best_loss, "steps": result.steps}
            return found | {"trainable": result.trainable_parameters, "output": str(result.output)}

        return f"{self.case.title}, {self.data}, rate {self.rate:g}, seed {self.seed}", path, work

    def asking(self, bench: Bench) -> Work:
        """Return the work of asking the held-out rows."""
        trained, path = self.files(bench)

        def work() -> dict[str, Any]:
            output = Path(read_json(trained)["output"])
            adapter = output if output.name == "adapter" else None
            model = self.base if adapter else output
            lm = LanguageModel.load(model, dtype=self.case.dtype, adapter=adapter)
            return {"accuracy": accuracy(lm, bench.rows[self.data], path)}

        return f"ask: {self.case.title}, {self.data}, seed {self.seed}", path, work


def accuracy(lm: LanguageModel, rows: Rows, path: Path) -> float:
    """Return the share of the held-out rows whose most likely label is right."""
    task = Classification(name="test", kind="classification", data=DataSource(set="bookshop"))
    records = path.with_suffix(".jsonl")
    evaluate(task, rows.test, rows.labels, Local(lm, Prompting(date=DATE)), records)
    answers = [record.correct for record in read_records(records)]
    return sum(map(bool, answers)) / len(answers)
