"""Tasks, grading and per-item records of one contender; knows nothing of a second one."""

from leitai.evaluation.records import ItemRecord, read_records, write_records
from leitai.evaluation.tasks import (
    HIGHER_IS_BETTER,
    BitsPerByte,
    Classification,
    ExactMatch,
    Task,
)

__all__ = [
    "HIGHER_IS_BETTER",
    "BitsPerByte",
    "Classification",
    "ExactMatch",
    "ItemRecord",
    "Task",
    "read_records",
    "write_records",
]
