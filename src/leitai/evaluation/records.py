"""One row on disk for every item and contender: what every number of a report is made of."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.base.files import write_jsonl
from leitai.data import read_jsonl


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """How one contender did on one item.

    Attributes:
        id: the item; the same for every contender.
        slices: the groups that the item counts in beside "all", such as its language.
        input: the question as a person would read it.
        expected: the reference answer.
        answer: what the contender answered; empty where it only scored the reference.
        correct: whether the answer is right; None for bits per byte.
        parsed: False when no answer could be found in what the contender wrote.
        numerator: what the metric sums above the line: 1 or 0 when graded, bits for bits per byte.
        denominator: what it sums below: 1 when graded, bytes for bits per byte.
        group: the cluster of items that belong together, such as one passage's questions.
        measures: further numbers of the item by their names in `MEASURES`; a slice shows means.
        detail: log-probabilities, token counts and the like, for the reader.
    """

    id: str
    slices: tuple[str, ...]
    input: str
    expected: str
    answer: str
    correct: bool | None
    parsed: bool
    numerator: float
    denominator: float
    detail: dict[str, Any]
    group: str | None = None
    measures: dict[str, float] = field(default_factory=dict)


def write_records(path: Path, records: Iterable[ItemRecord]) -> None:
    """Write records as JSONL, atomically."""
    write_jsonl(path, (asdict(record) for record in records))


def read_records(path: Path) -> list[ItemRecord]:
    """Read records that `write_records` wrote.

    Raises:
        LeitaiError: the file is missing or damaged; names the line.
    """
    records = []
    for line, value in read_jsonl(path):
        try:
            records.append(ItemRecord(**{**value, "slices": tuple(value["slices"])}))
        except (TypeError, KeyError) as error:
            raise LeitaiError(
                "not a row of scores",
                where=f"{path}, line {line}",
                remedy="delete the file and run the same command again",
            ) from error
    return records
