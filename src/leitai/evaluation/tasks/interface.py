"""What every kind of task is: a pydantic model that says what is asked, and grades it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from leitai.base.errors import LeitaiError
from leitai.base.files import hash_value
from leitai.data import DataSource, Row
from leitai.evaluation.asking import readable, reference_of
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Ability, Respondent

Summary = Callable[[Sequence[ItemRecord]], float]
"""A number of a whole slice that is no mean over its items."""


class BaseTask(BaseModel, ABC):
    """A data set with a way to ask and a way to grade.

    Attributes:
        metric: name of the metric that decides, the ratio of the records' numerators to their
            denominators; a row of `leitai.evaluation.measures.MEASURES`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: ClassVar[str]

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)
    data: DataSource
    split: Literal["train", "validation", "test", "all"] = "test"
    max_items: int | None = Field(default=None, ge=1, description="the first n of the fixed order")

    @property
    @abstractmethod
    def needs(self) -> frozenset[Ability]:
        """What a respondent must be able to do."""

    @abstractmethod
    def assess(
        self, items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
    ) -> list[ItemRecord]:
        """Ask every item and grade what comes back, one record each in the items' order.

        Args:
            items: rows that end with the reference answer.
            labels: of the data, in order; empty where rows have none.
            respondent: who is asked.

        Raises:
            LeitaiError: an item cannot be asked or graded; names its place.
        """

    def summaries(self) -> Mapping[str, Summary]:
        """Return further numbers of a slice by their names in `MEASURES`; none by default."""
        return {}

    def pick(self, rows: Iterable[Row], seed: int) -> list[Row]:
        """Take the task's split in the order that is fixed before anything is asked.

        Raises:
            LeitaiError: nothing is left to ask.
        """
        picked = [row for row in rows if self.split in ("all", row.split)]
        picked.sort(key=lambda row: hash_value([seed, self.name, row.id]))
        picked = picked[: self.max_items]
        if not picked:
            raise LeitaiError(
                f"no items in the split '{self.split}'",
                where=f"task {self.name}",
                remedy="name another split, or give the data a `split`",
            )
        return picked


def record(
    row: Row,
    answer: str,
    score: float,
    *,
    correct: bool | None = None,
    parsed: bool = True,
    measures: Mapping[str, float] | None = None,
    detail: Mapping[str, Any] | None = None,
) -> ItemRecord:
    """Return the record of an item whose score is one number between 0 and 1."""
    return ItemRecord(
        id=row.id,
        slices=(row.language,) if row.language else (),
        input=readable(row),
        expected=row.label or reference_of(row),
        answer=answer,
        correct=correct,
        parsed=parsed,
        numerator=score,
        denominator=1.0,
        group=row.group,
        measures=dict(measures or {}),
        detail=dict(detail or {}),
    )


def graded(
    row: Row,
    answer: str,
    correct: bool,
    *,
    parsed: bool = True,
    detail: Mapping[str, Any] | None = None,
) -> ItemRecord:
    """Return the record of an item that is right or wrong."""
    return record(
        row, answer, 1.0 if correct else 0.0, correct=correct, parsed=parsed, detail=detail
    )
