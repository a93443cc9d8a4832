"""Questions with given answers, of which one is right."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from leitai.base.errors import LeitaiError
from leitai.data import Row
from leitai.evaluation.metrics.letters import LETTERS, find_choice
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Ability, Respondent
from leitai.evaluation.tasks.interface import graded
from leitai.evaluation.tasks.shots import FewShot


class MultipleChoice(FewShot):
    """Questions with given answers; metric: accuracy.

    A row's ``facts.choices`` lists the answers and ``facts.right`` is the index of the right one.
    ``by`` says how a contender chooses:

    - ``letters`` (the default): the likeliest letter, the choices being listed in the question.
      All letters are equally long, so no choice gains by its length; it asks the contender to bind
      letters to answers, which small models do badly.
    - ``answers``: the likeliest answer in its own words, to the question without the list
      (``facts.bare``). Long answers lose by their length.
    - ``answers_per_byte``: the same, each log-probability divided by the answer's bytes in UTF-8,
      a length that does not depend on a tokenizer. Short answers may lose.
    - ``generation``: the letter is looked for in what the contender writes.
    """

    metric: ClassVar[str] = "accuracy"

    kind: Literal["multiple_choice"]
    by: Literal["letters", "answers", "answers_per_byte", "generation"] = "letters"
    max_characters: int = Field(default=20, ge=1, le=20_000, description="for by: generation")

    @property
    def needs(self) -> frozenset[Ability]:
        """To write, or to choose."""
        return frozenset({"write" if self.by == "generation" else "choose"})

    def assess(
        self, items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
    ) -> list[ItemRecord]:
        """Let the respondent choose.

        Raises:
            LeitaiError: a row has no choices, or does not say which is right.
        """
        offered = [choices_of(row) for row in items]
        if self.by == "generation":
            answers = respondent.write(items, self.max_characters)
            return [
                _graded(row, found, choices, answer.text)
                for row, choices, answer in zip(items, offered, answers, strict=True)
                for found in [find_choice(answer.text, choices)]
            ]
        asked, texts = list(items), [list(choices) for choices in offered]
        if self.by == "letters":
            texts = [list(LETTERS[: len(choices)]) for choices in offered]
        else:
            asked = [_bare(row) for row in items]
        records = []
        for row, choices, answers_, weighed in zip(
            items, offered, texts, respondent.choose(asked, texts), strict=True
        ):
            scores = list(weighed.logprobs)
            if self.by == "answers_per_byte":
                sizes = [max(1, len(text.encode("utf-8"))) for text in answers_]
                scores = [score / size for score, size in zip(scores, sizes, strict=True)]
            best = max(range(len(scores)), key=scores.__getitem__)
            found = _graded(row, best, choices, answers_[best])
            records.append(replace(found, detail=found.detail | _weights(weighed.logprobs, best)))
        return records


def choices_of(row: Row) -> list[str]:
    """Return a row's choices.

    Raises:
        LeitaiError: it has none, or does not say which is right.
    """
    choices, right = row.facts.get("choices"), row.facts.get("right")
    if (
        not isinstance(choices, list)
        or not 2 <= len(choices) <= len(LETTERS)
        or not isinstance(right, int)
        or not 0 <= right < len(choices)
    ):
        raise LeitaiError(
            "no choices with one that is right",
            where=row.source,
            remedy="use a set with choices, or name columns.choices",
        )
    return [str(choice) for choice in choices]


def _bare(row: Row) -> Row:
    """Ask the question without its list of choices, where the row has it so."""
    if "bare" not in row.facts:
        return row
    *before, question, answer = row.messages
    return replace(row, messages=(*before, {**question, "content": row.facts["bare"]}, answer))


def _graded(row: Row, found: int | None, choices: Sequence[str], text: str) -> ItemRecord:
    right = int(row.facts["right"])
    detail = {"chosen": found, "right": right, "choices": list(choices)}
    return graded(row, text, found == right, parsed=found is not None, detail=detail)


def _weights(logprobs: Sequence[float], best: int) -> dict[str, float]:
    top = max(logprobs)
    total = math.fsum(math.exp(value - top) for value in logprobs)
    return {"probability_answer": math.exp(logprobs[best] - top) / total}
