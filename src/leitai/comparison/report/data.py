"""What a report is made of: everything a reader sees, already computed.

The models accept the JSON form of themselves, so that what stages left on disk can be read back.
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from leitai.base.errors import LeitaiError
from leitai.comparison.wording import Bilingual
from leitai.evaluation.records import ItemRecord

Side = Literal["A", "B"]
SIDES: tuple[Side, Side] = ("A", "B")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Contender(_Part):
    """One side, as it stands in the report.

    Attributes:
        name: what the report calls it.
        model: the spec's words: a folder, a hub id or ``scratch:<preset>``.
        family: ``qwen2``, ``qwen3`` or ``llama``.
        method: how it was adapted (``full``, ``lora``, ...); None when compared as it is.
        trainable_parameters: how many of its parameters learnt; None likewise.
        total_parameters: all of them.
        vocabulary: entries of its tokenizer.
        weights_sha256: content hash of what was scored.
    """

    name: str
    model: str
    family: str
    method: str | None = None
    trainable_parameters: int | None = None
    total_parameters: int
    vocabulary: int
    weights_sha256: str


class CurvePoint(_Part):
    """Losses after an optimiser step, in nats per target token; None where not measured."""

    step: int
    train_loss: float | None = None
    valid_loss: float | None = None


class LearningCurve(_Part):
    """How one side learnt; no points when it was compared as it is."""

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
    """One side's search, in the form of `search.json`."""

    metric: str
    higher_is_better: bool
    best: int
    trials: tuple[Trial, ...]


class Cost(_Part):
    """What one side cost on this machine; None where it was not trained or not measured.

    Attributes:
        train_seconds: time in training, pauses excluded.
        search_seconds: time in all trials of the search.
        train_tokens: tokens run through the model while training.
        score_seconds: time in scoring all tasks.
        items_per_second: items scored per second.
        peak_memory_bytes: largest resident size while training and scoring.
        characters_per_token: how much text a token carries, by language.
    """

    train_seconds: float | None = None
    search_seconds: float | None = None
    train_tokens: int | None = None
    score_seconds: float | None = None
    items_per_second: float | None = None
    peak_memory_bytes: int | None = None
    characters_per_token: dict[str, float] = Field(default_factory=dict)


class Answer(_Part):
    """What one side made of an item; `score` is its value of the metric."""

    answer: str = ""
    correct: bool | None = None
    score: float


class ItemPair(_Part):
    """One item with both answers."""

    id: str
    slices: tuple[str, ...] = ()
    input: str
    expected: str = ""
    a: Answer
    b: Answer


class TaskItems(_Part):
    """All items of a task of the verdict."""

    task: str
    items: tuple[ItemPair, ...]

    @classmethod
    def from_records(
        cls, task: str, a: Sequence[ItemRecord], b: Sequence[ItemRecord]
    ) -> "TaskItems":
        """Join the records of both sides by id, in the order of A's.

        Raises:
            LeitaiError: a record of one side has no counterpart.
        """
        other = {record.id: record for record in b}
        if len(a) != len(b) or {record.id for record in a} != other.keys():
            raise LeitaiError("A and B were not asked the same items", where=f"task {task}")
        return cls(
            task=task,
            items=tuple(
                ItemPair(
                    id=record.id,
                    slices=record.slices,
                    input=record.input,
                    expected=record.expected,
                    a=_answer(record),
                    b=_answer(other[record.id]),
                )
                for record in a
            ),
        )


def _answer(record: ItemRecord) -> Answer:
    score = record.numerator / record.denominator
    return Answer(answer=record.answer, correct=record.correct, score=score)


class Finding(_Part):
    """One line of the fairness audit, in the form of `audit.json`."""

    check: str
    title: Bilingual
    values: tuple[str, str]
    status: Literal["ok", "note", "warning", "refused"]
    note: Bilingual = Bilingual("", "")


class ReportData(_Part):
    """The whole report.

    Attributes:
        verdict: the contents of `verdict.json`.
        contenders: both sides.
        curves: how they learnt.
        costs: what they cost.
        search: the settings that each side tried; empty when nothing was searched.
        tasks: the items with both answers, in the verdict's order of tasks.
        audit: the findings of the fairness audit.
        manifest: what the run was made of; shown section by section ("spec", "versions",
            "machine", ...).
    """

    verdict: dict[str, Any]
    contenders: dict[Side, Contender]
    curves: dict[Side, LearningCurve]
    costs: dict[Side, Cost]
    search: dict[Side, Search] = Field(default_factory=dict)
    tasks: tuple[TaskItems, ...]
    audit: tuple[Finding, ...]
    manifest: dict[str, Any]
