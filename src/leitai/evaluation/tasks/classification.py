"""Which of the labels answers the row."""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from leitai.base.errors import LeitaiError
from leitai.data import Row
from leitai.evaluation.grading import find_label
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Ability, Respondent
from leitai.evaluation.tasks.interface import BaseTask, graded


class Classification(BaseTask):
    """Which of the labels answers the row; metric: accuracy.

    ``likelihood`` gives every label, written as the assistant's whole answer (its end-of-turn token
    included), its log-probability and takes the largest. ``generation`` lets the model write and
    looks for the label in what it wrote.
    """

    metric: ClassVar[str] = "accuracy"

    kind: Literal["classification"]
    grade: Literal["likelihood", "generation"] = "likelihood"

    @property
    def needs(self) -> frozenset[Ability]:
        """To choose, or to write."""
        return frozenset({"choose" if self.grade == "likelihood" else "write"})

    def assess(
        self, items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
    ) -> list[ItemRecord]:
        """Grade by likelihood or by what is written."""
        by = by_likelihood if self.grade == "likelihood" else _by_generation
        return by(items, labels, respondent)


def by_likelihood(
    items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
) -> list[ItemRecord]:
    """Grade by the label that is the likeliest answer.

    Raises:
        LeitaiError: there are fewer than two labels, or an item cannot be asked.
    """
    if len(labels) < 2:
        raise LeitaiError(
            f"a classification needs at least two labels, got {len(labels)}",
            where=items[0].source,
            remedy="check the label column",
        )
    expected = [label_of(row, labels) for row in items]
    records = []
    weighed = respondent.choose(items, [labels] * len(items))
    for row, right, found in zip(items, expected, weighed, strict=True):
        logprobs = dict(zip(labels, found.logprobs, strict=True))
        best = max(labels, key=lambda label: logprobs[label])
        total = math.log(math.fsum(math.exp(v - logprobs[best]) for v in logprobs.values()))
        detail = {
            "logprob_expected": logprobs[right],
            "logprob_answer": logprobs[best],
            "probability_answer": math.exp(-total),
            "prompt_tokens": found.prompt_tokens,
        }
        records.append(graded(row, best, best == right, detail=detail))
    return records


def _by_generation(
    items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
) -> list[ItemRecord]:
    limit = 2 * max(len(label) for label in labels) + 20
    records = []
    for row, written in zip(items, respondent.write(items, limit), strict=True):
        found = find_label(written.text, labels)
        right = found == label_of(row, labels)
        detail = {"label": found}
        records.append(graded(row, written.text, right, parsed=found is not None, detail=detail))
    return records


def label_of(row: Row, labels: tuple[str, ...]) -> str:
    """Return a row's label.

    Raises:
        LeitaiError: it has none of those.
    """
    if row.label is None or row.label not in labels:
        raise LeitaiError(
            f"the label {row.label!r} is not in the list of {len(labels)} labels",
            where=row.source,
            remedy="correct the row or the list",
        )
    return row.label
