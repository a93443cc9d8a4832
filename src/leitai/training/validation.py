"""What may decide, beside the loss, which weights are the best.

Writing and grading answers belong to floors above, so they come in as arguments of `train`:
`leitai.evaluation.validation` has them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from leitai.base import LeitaiError
from leitai.data.rows import Row
from leitai.models import Decoder
from leitai.text import Chat
from leitai.training.spec import AdaptSpec


@dataclass(frozen=True)
class Trainee:
    """A model in training, as a metric sees it.

    Attributes:
        decoder: in evaluation mode, with the weights to judge.
        chat: its tokenizer and template.
        rows: validation rows to ask, each ending with the reference answer.
        labels: the labels of all rows, sorted; empty where rows have none.
        date: what a template prints as today.
        thinking: passed to the template.
        max_characters: longest answer that is written.
    """

    decoder: Decoder
    chat: Chat
    rows: Sequence[Row]
    labels: tuple[str, ...] = ()
    date: str | None = None
    thinking: bool | None = None
    max_characters: int = 200


class ValidationMetric(Protocol):
    """A number between 0 and 1 for a model in training: more is better."""

    def __call__(self, trainee: Trainee) -> float:
        """Measure. The same weights give the same number, and no weight changes.

        Raises:
            LeitaiError: the rows are not fit for it.
        """


Metrics = Mapping[str, ValidationMetric]
Writer = Callable[[Trainee], list[str]]
"""Lets the model answer the rows, for a person to read."""


def spread(rows: Sequence[Row], count: int | None) -> list[Row]:
    """Take `count` rows evenly from all of them; None takes all."""
    if count is None or count >= len(rows):
        return list(rows)
    return [rows[i * len(rows) // count] for i in range(count)]


def find_metric(spec: AdaptSpec, metrics: Metrics, valid: Sequence[Row]) -> ValidationMetric | None:
    """Return what the spec wants the best weights chosen by; None is the loss.

    Raises:
        LeitaiError: it was not passed in, or the validation rows do not suffice for it.
    """
    name = spec.validation.metric
    if name == "loss":
        return None
    if not valid:
        raise LeitaiError(
            f"{name} needs validation rows, there are none",
            where="adapt.validation.metric",
            remedy="give the data a `split` with validation, or use metric: loss",
        )
    if name not in metrics:
        raise LeitaiError(
            f"no way to measure {name} was passed to train()",
            where="adapt.validation.metric",
            remedy="pass metrics=leitai.evaluation.validation.METRICS",
        )
    bare = next((row for row in valid if row.label is None), None)
    if name == "accuracy" and bare is not None:
        raise LeitaiError(
            "accuracy needs a label in every validation row, this one has none",
            where=bare.source,
            remedy="use metric: exact_match, or chrf for longer answers",
        )
    return metrics[name]
