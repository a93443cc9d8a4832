"""Tasks, grading and per-item records of one contender; knows nothing of a second one."""

from leitai.evaluation.measures import MEASURES, Measure
from leitai.evaluation.records import ItemRecord, read_records, write_records
from leitai.evaluation.respondents import Measured, Respondent, Weighed, Written
from leitai.evaluation.tasks import BaseTask, BitsPerByte, Classification, ExactMatch, Task

__all__ = [
    "MEASURES",
    "BaseTask",
    "BitsPerByte",
    "Classification",
    "ExactMatch",
    "ItemRecord",
    "Measure",
    "Measured",
    "Respondent",
    "Task",
    "Weighed",
    "Written",
    "read_records",
    "write_records",
]
