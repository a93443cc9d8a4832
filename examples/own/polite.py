"""A task of one's own: does the answer greet the customer, in the customer's language?"""

from collections.abc import Sequence
from typing import ClassVar

from leitai.data import Row
from leitai.evaluation import BaseTask, ItemRecord
from leitai.evaluation.respondents import Ability, Respondent
from leitai.evaluation.tasks.interface import graded

GREETINGS = {"zh": ("您好", "你好", "亲"), "en": ("hello", "dear", "good morning", "hi")}


class Polite(BaseTask):
    """Answers to customers; metric: the share that begins with a greeting."""

    metric: ClassVar[str] = "accuracy"

    max_characters: int = 200

    @property
    def needs(self) -> frozenset[Ability]:
        """To write."""
        return frozenset({"write"})

    def assess(
        self, items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
    ) -> list[ItemRecord]:
        """Look at how each answer begins."""
        answers = respondent.write(items, self.max_characters)
        return [
            graded(row, answer.text, answer.text.strip().lower().startswith(greetings))
            for row, answer in zip(items, answers, strict=True)
            for greetings in [GREETINGS[row.language or "en"]]
        ]
