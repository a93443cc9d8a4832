"""Problems whose answer is a value."""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from leitai.data import Row
from leitai.evaluation.asking import reference_of
from leitai.evaluation.metrics.numbers import find_value, parse_value
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Ability, Respondent
from leitai.evaluation.tasks.interface import Summary, graded
from leitai.evaluation.tasks.shots import FewShot


class Maths(FewShot):
    """Problems whose answer is a value; metric: accuracy, by value and not by its form.

    What is accepted stands in ``facts.answers``, else at the end of the reference solution. An
    answer without a number is not parsed and counts as wrong, so accuracy is a lower bound; the
    summary ``accuracy_if_unparsed_right`` is the upper one.
    """

    metric: ClassVar[str] = "accuracy"

    kind: Literal["maths"]
    max_characters: int = Field(default=1500, ge=1, le=20_000)

    @property
    def needs(self) -> frozenset[Ability]:
        """To write."""
        return frozenset({"write"})

    def assess(
        self, items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
    ) -> list[ItemRecord]:
        """Compare values."""
        answers = respondent.write(items, self.max_characters)
        return [_grade(row, answer.text) for row, answer in zip(items, answers, strict=True)]

    def summaries(self) -> Mapping[str, Summary]:
        """The accuracy if all answers in which no value was found were right."""
        return {
            "accuracy_if_unparsed_right": lambda records: (
                sum(bool(r.correct) or not r.parsed for r in records) / len(records)
            )
        }


def _grade(row: Row, text: str) -> ItemRecord:
    accepted = [str(answer) for answer in row.facts.get("answers", [])]
    if not accepted:
        value = find_value(reference_of(row))
        accepted = [reference_of(row) if value is None else str(value)]
    found = find_value(text)
    verdicts = [_equal(text, answer) for answer in accepted]
    parsed = any(verdict is not None for verdict in verdicts)
    detail = {"value": None if found is None else str(found), "accepted": accepted}
    return graded(row, text, any(verdicts), parsed=parsed, detail=detail)


def _equal(text: str, answer: str) -> bool | None:
    """Compare an answer with an accepted one; None where the text holds nothing to compare."""
    wanted = parse_value(answer)
    if wanted is not None:
        found = find_value(text)
        return None if found is None else found == wanted
    expression = final_expression(text)
    return None if expression is None else expression == _plain(answer)


def final_expression(text: str) -> str | None:
    r"""Return what stands in the last ``\boxed{}`` or after "####", for answers that are no number.

    Spaces and LaTeX that does not change the meaning are taken out.
    """
    boxed = re.findall(r"\\boxed\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}", text)
    if boxed:
        return _plain(boxed[-1])
    marked = re.findall(r"####[ \t]*(\S.*)", text)
    return _plain(marked[-1]) if marked else None


def _plain(text: str) -> str:
    text = re.sub(r"\\(?:left|right|[!,; ])|\\text\s*\{([^{}]*)\}", r"\1", text)
    return re.sub(r"\\[dt]frac", r"\\frac", re.sub(r"[\s$]", "", text)).rstrip(".。")
