"""What is replied to a customer, and what is said next in a dialogue."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from leitai.base.errors import LeitaiError
from leitai.data import Row
from leitai.evaluation.asking import question_and_answer, reference_of
from leitai.evaluation.metrics.chrf import chrf
from leitai.evaluation.metrics.consistency import contradictions, repetition
from leitai.evaluation.metrics.rouge import rouge_l
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Ability, Respondent, Written
from leitai.evaluation.tasks.interface import BaseTask, Summary, record


class _Replies(BaseTask):
    """A text is written and compared with the reference.

    Attributes:
        max_characters: where the answer is cut.
        bits: whether to measure the reference's bits per byte too, which an endpoint cannot.
    """

    metric: ClassVar[str] = "sentence_chrf"

    max_characters: int = Field(default=400, ge=1, le=20_000)
    bits: bool = False

    @property
    def needs(self) -> frozenset[Ability]:
        """To write; with `bits`, to measure too."""
        return frozenset({"write", "measure"} if self.bits else {"write"})

    def assess(
        self, items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
    ) -> list[ItemRecord]:
        """Compare what is written with the reference; an empty answer counts as not parsed."""
        answers = respondent.write(items, self.max_characters)
        bits = _bits(items, respondent) if self.bits else [{}] * len(items)
        records = []
        for row, written, measured in zip(items, answers, bits, strict=True):
            reference = reference_of(row)
            measures, detail = self._look(row, written)
            records.append(
                record(
                    row,
                    written.text,
                    chrf([written.text], [reference]),
                    parsed=bool(written.text.strip()),
                    measures={"rouge_l": rouge_l(written.text, reference), **measures},
                    detail={**detail, **measured},
                )
            )
        return records

    def summaries(self) -> Mapping[str, Summary]:
        """Add bits per byte, where it was measured."""
        return {"bits_per_byte": _bits_per_byte} if self.bits else {}

    def _look(self, row: Row, written: Written) -> tuple[dict[str, float], dict[str, Any]]:
        """Return further measures of an answer, and what the reader should see of it."""
        return {}, {}


class Reply(_Replies):
    """The reply to a customer; metric: chrF of each answer, averaged."""

    kind: Literal["reply"]


class Dialogue(_Replies):
    """What the assistant says next, after the true dialogue; metric: chrF of each answer.

    Two things of a dialogue are looked at beside the reference: whether the answer names a value
    that contradicts what is settled (`contradictions`; the share of such answers is reported), and
    how much of it repeats an earlier turn of the assistant (`repetition`).
    """

    kind: Literal["dialogue"]

    def _look(self, row: Row, written: Written) -> tuple[dict[str, float], dict[str, Any]]:
        facts = row.facts
        found = contradictions(written.text, facts.get("accepted", ()), facts.get("rivals", {}))
        before = [
            str(message.get("content") or "")
            for message in question_and_answer(row)[0]
            if message["role"] == "assistant"
        ]
        measures = {
            "contradictions": float(bool(found)),
            "repeated_turn": repetition(written.text, before),
        }
        detail = {
            "contradictions": [f"{slot}: {value}" for slot, value in found],
            "repeated_turn_reference": repetition(reference_of(row), before),
        }
        return measures, detail


def _bits(items: Sequence[Row], respondent: Respondent) -> list[dict[str, float]]:
    found = []
    for row, measured in zip(items, respondent.measure(items), strict=True):
        size = len(reference_of(row).encode("utf-8"))
        if size == 0:
            raise LeitaiError("there is no text to measure", where=row.source, remedy="remove it")
        found.append({"bits": -measured.logprob / math.log(2), "bytes": float(size)})
    return found


def _bits_per_byte(records: Sequence[ItemRecord]) -> float:
    bits = math.fsum(record.detail["bits"] for record in records)
    return bits / math.fsum(record.detail["bytes"] for record in records)
