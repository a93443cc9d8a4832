"""Free writing under instructions that a program can check."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from leitai.data import Row
from leitai.evaluation.metrics.constraints import check_constraints, is_met
from leitai.evaluation.metrics.diversity import distinct, repetition
from leitai.evaluation.metrics.units import units
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Ability, Respondent
from leitai.evaluation.tasks.interface import BaseTask, Summary, record


class Writing(BaseTask):
    """Texts to be written; metric: the share of all instructions that are met.

    A row's ``facts.constraints`` lists them, see `leitai.evaluation.metrics.constraints`; a row
    without any is asked to keep to its language alone. Which text is better is not measured here:
    see `leitai.evaluation.judging`.
    """

    metric: ClassVar[str] = "constraints_met"

    kind: Literal["writing"]
    max_characters: int = Field(default=2000, ge=1, le=20_000)

    @property
    def needs(self) -> frozenset[Ability]:
        """To write."""
        return frozenset({"write"})

    def assess(
        self, items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
    ) -> list[ItemRecord]:
        """Check every instruction of every item.

        Raises:
            LeitaiError: a row has an instruction that cannot be checked.
        """
        wanted = []
        for row in items:
            own = row.facts.get("constraints") or [{"type": "language", "is": row.language or "en"}]
            check_constraints(own, row.source)
            wanted.append(own)
        answers = respondent.write(items, self.max_characters)
        return [
            _grade(row, constraints, answer.text)
            for row, constraints, answer in zip(items, wanted, answers, strict=True)
        ]

    def summaries(self) -> Mapping[str, Summary]:
        """How varied all answers are together."""
        return {
            "distinct_1": lambda records: distinct([r.answer for r in records], 1),
            "distinct_2": lambda records: distinct([r.answer for r in records], 2),
        }


def _grade(row: Row, constraints: Sequence[Mapping[str, object]], text: str) -> ItemRecord:
    met = [is_met(text, constraint) for constraint in constraints]
    measures = {
        "all_constraints_met": float(all(met)),
        "repetition_4": repetition(text, 4),
        "units_written": float(len(units(text))),
    }
    base = record(
        row,
        text,
        0.0,
        correct=all(met),
        parsed=bool(text.strip()),
        measures=measures,
        detail={"met": met, "constraints": [dict(c) for c in constraints]},
    )
    return replace(base, numerator=float(sum(met)), denominator=float(len(met)))
