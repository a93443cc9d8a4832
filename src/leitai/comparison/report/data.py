"""What a report is made of: everything a reader sees, already computed.

The models accept the JSON form of themselves, so that what stages left on disk can be read back.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from leitai.base.errors import LeitaiError
from leitai.comparison.wording import Bilingual
from leitai.evaluation.records import ItemRecord


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Contender(_Part):
    """One contender, as it stands in the report.

    Attributes:
        name: what the report calls it.
        model: the spec's words: a folder, a hub id, ``scratch:<preset>`` or an endpoint's model.
        kind: ``checkpoint``, ``endpoint``, ``transformers`` or ``reference``.
        family: ``qwen2``, ``qwen3`` or ``llama``; None where nothing is known of it.
        method: how it was adapted (``full``, ``lora``, ...); None when compared as it is.
        trainable_parameters: how many of its parameters learnt; None likewise.
        total_parameters: all of them; None where they cannot be counted.
        vocabulary: entries of its tokenizer; None where it cannot be seen.
        weights_sha256: content hash of what was scored.
    """

    name: str
    model: str
    kind: str = "checkpoint"
    family: str | None = None
    method: str | None = None
    trainable_parameters: int | None = None
    total_parameters: int | None = None
    vocabulary: int | None = None
    weights_sha256: str


class CurvePoint(_Part):
    """Losses after an optimiser step, in nats per target token; None where not measured."""

    step: int
    train_loss: float | None = None
    valid_loss: float | None = None


class LearningCurve(_Part):
    """How one contender learnt; no points when it was compared as it is."""

    points: tuple[CurvePoint, ...] = ()
    best_step: int | None = None


class Trial(_Part):
    """A setting that was tried: None where it was not searched; a score a rung, None: diverged."""

    number: int
    learning_rate: float | None = None
    rank: int | None = None
    epochs: int | None = None
    scores: tuple[float | None, ...]
    steps: tuple[int, ...]


class Search(_Part):
    """One contender's search, in the form of `search.json`."""

    metric: str
    higher_is_better: bool
    best: int
    trials: tuple[Trial, ...]


class Cost(_Part):
    """What one contender cost on this machine; None where it was not trained or not measured.

    Attributes:
        train_seconds: time in training, pauses excluded.
        search_seconds: time in all trials of the search.
        train_tokens: tokens run through the model while training.
        score_seconds: time in scoring all tasks.
        items_per_second: items scored per second.
        peak_memory_bytes: largest resident size while training and scoring.
        characters_per_token: how much text a token carries, by language.
        money: what an endpoint's answers cost, in `currency`.
        currency: of the money.
        tokens: written by an endpoint.
        requests: answered by an endpoint.
    """

    train_seconds: float | None = None
    search_seconds: float | None = None
    train_tokens: int | None = None
    score_seconds: float | None = None
    items_per_second: float | None = None
    peak_memory_bytes: int | None = None
    characters_per_token: dict[str, float] = Field(default_factory=dict)
    money: float | None = None
    currency: str | None = None
    tokens: int | None = None
    requests: int | None = None

    @property
    def seconds_per_item(self) -> float | None:
        """Time that an item takes."""
        return 1 / self.items_per_second if self.items_per_second else None


class Answer(_Part):
    """What one contender made of an item.

    Attributes:
        answer: as it was read.
        correct: right or wrong; None where an item has only a score.
        score: its value of the metric.
        reasoning: what was written before the answer.
        probability: that the contender gave its own answer, where it chose.
    """

    answer: str = ""
    correct: bool | None = None
    score: float
    reasoning: str = ""
    probability: float | None = None


class Item(_Part):
    """One item with every contender's answer, by key; `input` is what was asked."""

    id: str
    slices: tuple[str, ...] = ()
    input: str
    expected: str = ""
    answers: dict[str, Answer]


class TaskItems(_Part):
    """All items of a task of the verdict."""

    task: str
    items: tuple[Item, ...]

    @classmethod
    def from_records(cls, task: str, records: Mapping[str, Sequence[ItemRecord]]) -> "TaskItems":
        """Join all contenders' records by id, in the order of the first's.

        Raises:
            LeitaiError: a record of one contender has no counterpart.
        """
        found = {key: {record.id: record for record in rows} for key, rows in records.items()}
        first, *others = records
        for key in others:
            if len(records[key]) != len(records[first]) or found[key].keys() != found[first].keys():
                raise LeitaiError(
                    f"{first} and {key} were not asked the same items", where=f"task {task}"
                )
        return cls(
            task=task,
            items=tuple(
                Item(
                    id=record.id,
                    slices=record.slices,
                    input=str(record.detail.get("prompt") or record.input),
                    expected=record.expected,
                    answers={key: _answer(rows[record.id]) for key, rows in found.items()},
                )
                for record in records[first]
            ),
        )


def _answer(record: ItemRecord) -> Answer:
    return Answer(
        answer=record.answer,
        correct=record.correct,
        score=record.numerator / record.denominator,
        reasoning=str(record.detail.get("reasoning") or ""),
        probability=record.detail.get("probability_answer"),
    )


class Finding(_Part):
    """One line of the fairness audit, in the form of `audit.json`."""

    check: str
    title: Bilingual
    values: tuple[str, ...]
    status: Literal["ok", "note", "warning", "refused"]
    note: Bilingual = Bilingual("", "")


class ReportData(_Part):
    """The whole report.

    Attributes:
        verdict: the contents of `verdict.json`.
        contenders: by their keys, in order.
        curves: how they learnt.
        costs: what they cost.
        search: the settings that each contender tried; empty when nothing was searched.
        tasks: the items with all answers, in the verdict's order of tasks.
        audit: the findings of the fairness audit.
        preferences: of people and of judging models, as `preferences.summarise` returns them.
        manifest: what the run was made of; shown section by section ("spec", "versions",
            "machine", ...).
    """

    verdict: dict[str, Any]
    contenders: dict[str, Contender]
    curves: dict[str, LearningCurve]
    costs: dict[str, Cost]
    search: dict[str, Search] = Field(default_factory=dict)
    tasks: tuple[TaskItems, ...]
    audit: tuple[Finding, ...]
    preferences: tuple[dict[str, Any], ...] = ()
    manifest: dict[str, Any]

    @property
    def keys(self) -> tuple[str, ...]:
        """Of all contenders, in order."""
        return tuple(self.contenders)
