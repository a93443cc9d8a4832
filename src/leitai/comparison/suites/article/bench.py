"""Where the experiments work: stages that make, teach and ask small models, each done once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from leitai.base.files import hash_value, read_json, write_json
from leitai.comparison.stages import Stages
from leitai.comparison.statistics.resampling import Array
from leitai.comparison.suites.article.settings import Settings
from leitai.data import Row, data_hash
from leitai.data.bookshop import rows as bookshop_rows
from leitai.data.splits import seeded_order, take_few
from leitai.evaluation import BaseTask, ItemRecord, read_records
from leitai.evaluation.asking import Prompting
from leitai.evaluation.evaluate import evaluate
from leitai.training.spec import AdaptSpec

DATE = "26 Jul 2024"
"""What templates print as today, so that a run repeats."""


@dataclass(frozen=True)
class Model:
    """A small model on disk.

    Attributes:
        name: unique in the run.
        folder: the checkpoint.
        state: hash of what is asked.
        adapter: on top of it, if any.
        result: what training said of it; empty before any.
    """

    name: str
    folder: Path
    state: str
    adapter: Path | None
    result: dict[str, Any]


class Bench:
    """The run folder of a suite, with the data that its experiments share."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        models: tuple[str | None, str | None] = (None, None),
    ) -> None:
        """Take a run folder.

        Args:
            folder: the run folder, absolute.
            settings: sizes.
            models: checkpoints of Qwen and of Llama 3 that the user has, or None.
        """
        self.folder, self.settings, self.models = folder, settings, models
        self.stages = Stages(folder)

    @cached_property
    def replies(self) -> list[Row]:
        """Questions with the shop's replies."""
        return list(bookshop_rows("replies"))

    @cached_property
    def intents(self) -> list[Row]:
        """Questions with what the customer wants."""
        return list(bookshop_rows("intents"))

    def training(self, rows: Sequence[Row]) -> list[Row]:
        """Draw as many training rows as the short runs can read."""
        train = [row for row in rows if row.split == "train"]
        return take_few(train, limit=self.settings.rows, per_label=None, seed=0)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The intents that few labels are of: every third, as neighbours are near in meaning."""
        return tuple(sorted({str(row.label) for row in self.intents}))[::3]

    @cached_property
    def few_label_rows(self) -> list[Row]:
        """Questions with one of these intents."""
        return [row for row in self.intents if row.label in self.labels]

    @cached_property
    def other_label_rows(self) -> list[Row]:
        """Questions with one of the other intents."""
        return [row for row in self.intents if row.label not in self.labels]

    def held_out(self, rows: Sequence[Row], split: str = "test") -> list[Row]:
        """Take the same utterances of a split, each in both languages, grouped."""
        members = [row for row in rows if row.split == split]
        order = dict.fromkeys(str(r.group) for r in seeded_order(members, 0) if r.language == "zh")
        chosen = {group: at for at, group in enumerate([*order][: self.settings.utterances])}
        kept = [row for row in members if row.group in chosen]
        return sorted(kept, key=lambda row: (chosen[str(row.group)], str(row.language)))

    def few(self, seed: int) -> list[Row]:
        """Draw few labelled training rows of each intent."""
        train = [row for row in self.few_label_rows if row.split == "train"]
        return take_few(train, limit=None, per_label=self.settings.per_label, seed=seed)

    @cached_property
    def text(self) -> list[Row]:
        """Every training utterance and every reply as a text of its own, each once."""
        found: dict[str, Row] = {}
        for row in self.replies:
            if row.split == "train":
                for message in row.messages:
                    text = str(message["content"])
                    found.setdefault(text, Row(hash_value(text), (message,), row.source))
        return list(found.values())

    def scratch(self, preset: str, seed: int = 1) -> Model:
        """Make a small model of random weights, with a tokenizer of the training text."""
        from leitai.training.scratch import create_scratch

        name = f"{preset}-{seed}"
        folder = self.folder / "models" / name / "base"
        texts = [str(message["content"]) for row in self.text for message in row.messages]
        size = self.settings.vocab_size
        inputs = {"preset": preset, "texts": hash_value(texts), "vocab_size": size, "seed": seed}
        state = self.stages.run(
            f"scratch/{name}",
            inputs,
            [folder],
            lambda: create_scratch(preset, texts, folder, vocab_size=size, seed=seed),
        )
        return Model(name, folder, state, None, {})

    def teach(
        self,
        name: str,
        base: Model,
        rows: Sequence[Row],
        valid: Sequence[Row],
        spec: AdaptSpec,
        seed: int,
    ) -> Model:
        """Train a model, or find it trained.

        Raises:
            LeitaiError: training fails.
        """
        from leitai.adapters import leaves_adapter
        from leitai.training import train

        run = self.folder / "models" / name
        adapted = leaves_adapter(spec.method)
        output = run / ("adapter" if adapted else "model")
        inputs = {
            **{"base": base.state, "adapt": spec.model_dump(mode="json"), "seed": seed},
            **{"train": data_hash(rows), "validation": data_hash(valid)},
        }
        state = self.stages.run(
            f"teach/{name}",
            inputs,
            [output, run / "result.json"],
            lambda: train(
                base.folder, rows, valid, spec, run, seed=seed, title=name, date=DATE, track=()
            ),
            scratch=[run],
        )
        result = read_json(run / "result.json")["result"]
        place = base.folder if adapted else output
        return Model(name, place, state, output if adapted else None, result)

    def ask(
        self, model: Model, task: BaseTask, items: Sequence[Row], labels: tuple[str, ...] = ()
    ) -> list[ItemRecord]:
        """Ask a model, or find what it answered.

        Raises:
            LeitaiError: the model cannot be asked.
        """
        path = self.folder / "scores" / task.name / f"{model.name.replace('/', '-')}.jsonl"
        inputs = {
            **{"state": model.state, "task": task.model_dump(mode="json")},
            **{"items": data_hash(items), "labels": list(labels), "date": DATE},
        }

        def work() -> None:
            from leitai.evaluation.respondents.local import Local
            from leitai.inference import LanguageModel

            lm = LanguageModel.load(str(model.folder), adapter=model.adapter)
            evaluate(task, items, labels, Local(lm, Prompting(date=DATE)), path)

        self.stages.run(f"ask/{task.name}/{path.stem}", inputs, [path], work)
        return read_records(path)

    def measure(
        self, name: str, inputs: dict[str, Any], work: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Compute values that go into JSON, or find them computed."""
        path = self.folder / "values" / f"{name}.json"
        self.stages.run(f"measure/{name}", inputs, [path], lambda: write_json(path, work()))
        found: dict[str, Any] = read_json(path)
        return found


def by_group(records: Sequence[ItemRecord]) -> Array:
    """Return one score for each utterance, so that its two languages are not taken for two items.

    The mean of what is returned is the ratio of the sums of numerators and denominators.

    Args:
        records: in any order; groups come out sorted.
    """
    groups = sorted({r.group or r.id for r in records})
    sums = {group: [0.0, 0.0] for group in groups}
    for r in records:
        sums[r.group or r.id][0] += r.numerator
        sums[r.group or r.id][1] += r.denominator
    table = np.array([sums[group] for group in groups])
    scores: Array = table[:, 0] / table[:, 1].mean()
    return scores


def over_seeds(columns: Sequence[Array]) -> Array:
    """Put the scores of several seeds side by side, [items, seeds]."""
    return np.stack(columns, axis=1)
