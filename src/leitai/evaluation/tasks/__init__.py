"""What is asked and how it is graded: a file and a pydantic model for each kind of task."""

from typing import Annotated

from pydantic import Field

from leitai.evaluation.tasks.bits_per_byte import BitsPerByte
from leitai.evaluation.tasks.classification import Classification
from leitai.evaluation.tasks.exact_match import ExactMatch
from leitai.evaluation.tasks.extractive import Extractive
from leitai.evaluation.tasks.graph_query import GraphQuery
from leitai.evaluation.tasks.handoff import Handoff
from leitai.evaluation.tasks.interface import BaseTask
from leitai.evaluation.tasks.maths import Maths
from leitai.evaluation.tasks.multiple_choice import MultipleChoice
from leitai.evaluation.tasks.python_task import PythonTask
from leitai.evaluation.tasks.recommendation import Recommendation
from leitai.evaluation.tasks.recommendation_checks import (
    ExplainedRecommendation,
    ListedRecommendation,
)
from leitai.evaluation.tasks.reply import Dialogue, Reply
from leitai.evaluation.tasks.translation import Translation
from leitai.evaluation.tasks.writing import Writing

Task = Annotated[
    Classification
    | ExactMatch
    | BitsPerByte
    | Reply
    | Handoff
    | Recommendation
    | ListedRecommendation
    | ExplainedRecommendation
    | Dialogue
    | Extractive
    | GraphQuery
    | Translation
    | Writing
    | MultipleChoice
    | Maths
    | PythonTask,
    Field(discriminator="kind"),
]

__all__ = [
    "BaseTask",
    "BitsPerByte",
    "Classification",
    "Dialogue",
    "ExactMatch",
    "ExplainedRecommendation",
    "Extractive",
    "GraphQuery",
    "Handoff",
    "ListedRecommendation",
    "Maths",
    "MultipleChoice",
    "PythonTask",
    "Recommendation",
    "Reply",
    "Task",
    "Translation",
    "Writing",
]
