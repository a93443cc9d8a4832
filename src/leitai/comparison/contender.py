"""One side of a duel on disk: made or found, adapted, scored."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leitai.base.errors import LeitaiError
from leitai.base.files import hash_file, hash_value, read_json, write_json
from leitai.base.memory import peak_bytes, reset_peak
from leitai.base.progress import progress
from leitai.comparison.audit import Side
from leitai.comparison.search import find_settings, take_over
from leitai.comparison.spec import NATIVE, SCRATCH, CompareSpec, ContenderSpec, local_path
from leitai.comparison.stages import Stages
from leitai.data import Row, data_hash
from leitai.evaluation import Task
from leitai.evaluation.asking import Prompting
from leitai.evaluation.evaluate import evaluate
from leitai.evaluation.respondents.local import Local
from leitai.training.spec import AdaptSpec

if TYPE_CHECKING:
    from leitai.inference import LanguageModel
    from leitai.training.result import TrainResult


@dataclass
class Contender:
    """A contender while its duel runs.

    Attributes:
        key: "A" or "B".
        folder: its place in the run folder.
        base: the checkpoint folder it starts from.
        base_hash: content hash of that checkpoint, and of the adapter it came with.
        model: the checkpoint folder that is scored.
        adapter: the adapter on it, if any.
        state: hash of what is scored; changes when the training does.
    """

    key: str
    spec: ContenderSpec
    folder: Path
    base: Path
    base_hash: str
    model: Path
    adapter: Path | None
    state: str


def find_or_make(
    key: str, spec: CompareSpec, texts: Sequence[str], run: Path, spec_folder: Path, stages: Stages
) -> Contender:
    """Resolve a contender's checkpoint; a scratch preset is made in the run folder."""
    contender = spec.contenders["AB".index(key)]
    folder = run / "contenders" / key
    if contender.model.startswith(SCRATCH):
        from leitai.training.scratch import create_scratch

        if contender.adapter is not None:
            raise LeitaiError(
                "a scratch model has no adapter",
                where=f"contender {key}",
                remedy="remove `adapter`, or name a folder or hub id as `model`",
            )
        base, preset = folder / "base", contender.model.removeprefix(SCRATCH)
        inputs = {
            "preset": preset,
            "texts": hash_value(list(texts)),
            "vocab_size": spec.scratch.vocab_size,
            "seed": spec.seed,
        }
        base_hash = stages.run(
            f"scratch-{key}",
            inputs,
            [base],
            lambda: create_scratch(
                preset, texts, base, vocab_size=spec.scratch.vocab_size, seed=spec.seed
            ),
        )
    else:
        from leitai.models.hub import resolve_model

        base = resolve_model(local_path(contender.model, spec_folder))
        base_hash = _hash_checkpoint(base)
    adapter = None
    if contender.adapter is not None:
        adapter = Path(local_path(contender.adapter, spec_folder))
        base_hash = hash_value([base_hash, _hash_checkpoint(adapter)])
    return Contender(key, contender, folder, base, base_hash, base, adapter, base_hash)


def _hash_checkpoint(folder: Path) -> str:
    """Hash the files of a checkpoint that decide what it computes."""
    names = sorted(
        path
        for pattern in ("*.safetensors", "*.json", "*.jinja", "*.model", "*.tiktoken")
        for path in folder.glob(pattern)
    )
    if not names:
        raise LeitaiError(
            "no checkpoint files here", where=folder, remedy="name a folder with config.json"
        )
    return hash_value([[path.name, hash_file(path)] for path in names])


def prompting_of(spec: CompareSpec, contender: ContenderSpec) -> Prompting:
    """The prompt treatment of a contender."""
    system = None if spec.prompting.system == NATIVE else spec.prompting.system
    return Prompting(system=system, date=spec.prompting.date, thinking=contender.thinking)


def side_of(contender: Contender, spec: CompareSpec) -> Side:
    """Load what the audit looks at: tokenizer, template and parameter counts, no weights."""
    from leitai.adapters import count_trainable
    from leitai.models import read_config
    from leitai.models.presets import parameter_count
    from leitai.text import Chat, Tokenizer

    config = read_config(contender.base)
    tokenizer = Tokenizer.from_folder(contender.base)
    trainable = 0 if spec.adapt is None else count_trainable(config, spec.adapt.method)
    return Side(
        title=contender.spec.title,
        family=config.family,
        tokenizer=tokenizer,
        chat=Chat.from_folder(contender.base, tokenizer),
        context=config.max_position_embeddings,
        trainable=trainable,
        total=parameter_count(config),
        prompting=prompting_of(spec, contender.spec),
    )


def adapt(
    contender: Contender,
    spec: CompareSpec,
    train_rows: Sequence[Row],
    valid_rows: Sequence[Row],
    stages: Stages,
) -> None:
    """Train the contender under the spec's budget, or find it trained; sets what is scored."""
    budget = spec.adapt
    if budget is None:
        return
    from leitai.adapters import leaves_adapter
    from leitai.evaluation.validation import METRICS
    from leitai.training import train

    if contender.adapter is not None:
        raise LeitaiError(
            "an adapter cannot be trained on top of another one here",
            where=f"contender {contender.key}",
            remedy="merge it first, or leave `adapt` out",
        )
    run = contender.folder / "run"
    name = "adapter" if leaves_adapter(budget.method) else "model"
    inputs = {
        "base": contender.base_hash,
        "adapt": budget.model_dump(mode="json"),
        "train": data_hash(train_rows),
        "validation": data_hash(valid_rows),
        "seed": spec.seed,
        "thinking": contender.spec.thinking,
        "date": spec.prompting.date,
        "runtime": spec.runtime.model_dump(mode="json"),
    }

    def train_at(settings: AdaptSpec, folder: Path, title: str = "") -> "TrainResult":
        return train(
            contender.base,
            train_rows,
            valid_rows,
            settings,
            folder,
            seed=spec.seed,
            title=" ".join([contender.key, contender.spec.title, title]).strip(),
            date=spec.prompting.date,
            thinking=contender.spec.thinking,
            device=spec.runtime.device,
            dtype=spec.runtime.dtype,
            metrics=METRICS,
            track=spec.track,
        )

    winner = None
    if spec.search is not None:
        budget, winner = find_settings(
            contender.key,
            budget,
            spec.search,
            spec.seed,
            len(train_rows),
            contender.folder,
            inputs,
            train_at,
            stages,
        )
        inputs["adapt"] = budget.model_dump(mode="json")

    def work() -> None:
        if winner is not None:
            take_over(winner, run)
        train_at(budget, run)

    contender.state = stages.run(
        f"adapt-{contender.key}",
        inputs,
        [run / name, run / "metrics.jsonl", run / "result.json"],
        work,
        scratch=[run],
    )
    if name == "model":
        contender.model = run / name
    else:
        contender.adapter = run / name


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
