"""Whether a conversation must go to a person."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

from leitai.base.errors import LeitaiError
from leitai.data import Row
from leitai.evaluation.asking import reference_of
from leitai.evaluation.grading import find_label
from leitai.evaluation.metrics.classes import false_positive_rate, precision, recall
from leitai.evaluation.metrics.rouge import rouge_l
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Ability, Respondent
from leitai.evaluation.tasks.interface import BaseTask, Summary, record

_LONGEST = 200
"""Characters of a label and a sentence with the reason."""


class Handoff(BaseTask):
    """Whether a person must take over; metric: accuracy.

    Accuracy hides which mistake is made, so three more numbers stand beside it: precision and
    recall of handing over, and over-escalation, the share of conversations that need nobody and
    are handed over all the same. An answer that names neither label hands nothing over.

    A row's facts hold ``needs_person`` and its two ``labels``, the one for handing over first.
    ``likelihood`` compares the two labels as whole answers; ``generation`` reads the label from
    the first line, and compares a reason on the second with the reference's by ROUGE-L.
    """

    metric: ClassVar[str] = "accuracy"

    kind: Literal["handoff"]
    grade: Literal["likelihood", "generation"] = "likelihood"

    @property
    def needs(self) -> frozenset[Ability]:
        """To choose, or to write."""
        return frozenset({"choose" if self.grade == "likelihood" else "write"})

    def assess(
        self, items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
    ) -> list[ItemRecord]:
        """Grade by likelihood or by what is written."""
        offered = [_labels(row) for row in items]
        if self.grade == "likelihood":
            weighed = respondent.choose(items, offered)
            texts = [
                pair[found.logprobs.index(max(found.logprobs))]
                for pair, found in zip(offered, weighed, strict=True)
            ]
        else:
            texts = [written.text for written in respondent.write(items, _LONGEST)]
        return [
            _graded(row, pair, text) for row, pair, text in zip(items, offered, texts, strict=True)
        ]

    def summaries(self) -> Mapping[str, Summary]:
        """Add precision and recall of handing over, and over-escalation."""
        return {
            "handoff_precision": _over(precision),
            "handoff_recall": _over(recall),
            "over_escalation": _over(false_positive_rate),
        }


def _labels(row: Row) -> tuple[str, str]:
    pair = row.facts.get("labels", ())
    if len(pair) != 2 or "needs_person" not in row.facts:
        raise LeitaiError(
            "the row does not say whether a person is needed",
            where=row.source,
            remedy="use a hand-off view, such as bookshop's",
        )
    return pair[0], pair[1]


def _graded(row: Row, pair: tuple[str, str], text: str) -> ItemRecord:
    needed = bool(row.facts["needs_person"])
    label = find_label(text, pair)
    right = label == pair[0 if needed else 1]
    reason = reference_of(row).partition("\n")[2]
    return record(
        row,
        text,
        float(right),
        correct=right,
        parsed=label is not None,
        measures={"rouge_l": rouge_l(text.partition("\n")[2], reason)} if reason else {},
        detail={
            "needs_person": needed,
            "handed_over": label == pair[0],
            "cause": row.facts.get("cause"),
        },
    )


def _over(number: Callable[[Sequence[bool], Sequence[bool]], float]) -> Summary:
    return lambda records: number(
        [record.detail["needs_person"] for record in records],
        [record.detail["handed_over"] for record in records],
    )
