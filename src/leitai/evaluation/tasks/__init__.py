"""What is asked and how it is graded: a file and a pydantic model for each kind of task."""

from typing import Annotated

from pydantic import Field

from leitai.evaluation.tasks.bits_per_byte import BitsPerByte
from leitai.evaluation.tasks.classification import Classification
from leitai.evaluation.tasks.exact_match import ExactMatch
from leitai.evaluation.tasks.interface import BaseTask

Task = Annotated[
    Classification | ExactMatch | BitsPerByte,
    Field(discriminator="kind"),
]

__all__ = ["BaseTask", "BitsPerByte", "Classification", "ExactMatch", "Task"]
