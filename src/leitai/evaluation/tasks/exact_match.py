"""Whether what is written is the reference."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from leitai.data import Row
from leitai.evaluation.asking import reference_of
from leitai.evaluation.grading import exact_match
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Ability, Respondent
from leitai.evaluation.tasks.interface import BaseTask, graded


class ExactMatch(BaseTask):
    """The model writes; the answer counts when it equals the reference after normalisation."""

    metric: ClassVar[str] = "exact_match"

    kind: Literal["exact_match"]
    max_characters: int = Field(default=200, ge=1, le=20_000)

    @property
    def needs(self) -> frozenset[Ability]:
        """To write."""
        return frozenset({"write"})

    def assess(
        self, items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
    ) -> list[ItemRecord]:
        """Compare what is written with the reference; an empty answer counts as not parsed."""
        return [
            graded(
                row,
                written.text,
                exact_match(written.text, reference_of(row)),
                parsed=bool(written.text.strip()),
            )
            for row, written in zip(
                items, respondent.write(items, self.max_characters), strict=True
            )
        ]
