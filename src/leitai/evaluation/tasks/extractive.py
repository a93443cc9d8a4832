"""Short answers: spans of a passage, facts from memory, or that there is no answer."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal, cast

from pydantic import Field

from leitai.base.errors import LeitaiError
from leitai.data import Row
from leitai.evaluation.asking import reference_of
from leitai.evaluation.grading import normalise
from leitai.evaluation.metrics.spans import Scoring, span_scores
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Ability, Respondent
from leitai.evaluation.tasks.interface import Summary, record
from leitai.evaluation.tasks.shots import FewShot

ABSTAINING = (
    "无法回答",
    "无答案",
    "没有答案",
    "文中没有",
    "未提及",
    "没有提到",
    "unanswerable",
    "no answer",
    "cannot be answered",
    "not mentioned",
    "does not say",
)
"""Words by which an answer says that there is none."""

_PREFIX = re.compile(r"^\s*(?:答案?|回答|answer|a)\s*(?:是|为|is)?\s*[:：]\s*", re.IGNORECASE)


class Extractive(FewShot):
    """Questions with short answers; metric: F1 with the accepted answers, the best of them.

    A row's ``facts.answers`` lists what is accepted (without it, the reference answer alone); an
    empty list is a question that cannot be answered, where saying so is right. How answers are
    compared is the set's official way (``facts.scoring``), else SQuAD's, or characters in Chinese.
    """

    kind: Literal["extractive"]
    metric_is: Literal["f1", "exact"] = "f1"
    scoring: Scoring | None = Field(default=None, description="default: the set's official way")
    max_characters: int = Field(default=200, ge=1, le=20_000)

    @property
    def metric(self) -> str:
        """F1 of the answer, or exact match."""
        return "answer_f1" if self.metric_is == "f1" else "answer_exact"

    @property
    def needs(self) -> frozenset[Ability]:
        """To write."""
        return frozenset({"write"})

    def assess(
        self, items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
    ) -> list[ItemRecord]:
        """Compare what is written with what is accepted."""
        answers = respondent.write(items, self.max_characters)
        return [self._grade(row, a.text) for row, a in zip(items, answers, strict=True)]

    def _grade(self, row: Row, text: str) -> ItemRecord:
        accepted = [str(answer) for answer in row.facts.get("answers", [reference_of(row)])]
        answer, silent = short_answer(text), abstains(text)
        exact = f1 = float(silent)
        if accepted:
            way = self.scoring or scoring_of(row)
            exact, f1 = (0.0, 0.0) if silent else span_scores(answer, accepted, way)
        return record(
            row,
            text,
            f1 if self.metric_is == "f1" else exact,
            correct=exact == 1.0,
            parsed=bool(answer),
            measures={"answer_exact": exact} if self.metric_is == "f1" else {"answer_f1": f1},
            detail={
                "f1": f1,
                "answerable": bool(accepted),
                "abstained": silent,
                "accepted": accepted,
            },
        )

    def summaries(self) -> Mapping[str, Summary]:
        """F1 where there is an answer; precision and recall of saying that there is none."""
        return _SUMMARIES


def short_answer(text: str) -> str:
    """Take the answer out of what was written: its first line, without "Answer:" before it."""
    first = next((line for line in text.splitlines() if _PREFIX.sub("", line).strip()), "")
    return _PREFIX.sub("", first).strip()


def abstains(text: str) -> bool:
    """Tell whether an answer says that there is none."""
    folded = normalise(short_answer(text))
    return any(words in folded for words in ABSTAINING)


def scoring_of(row: Row) -> Scoring:
    """Return the official way to compare a row's answers.

    Raises:
        LeitaiError: the row names one that there is not.
    """
    way = row.facts.get("scoring", "characters" if row.language == "zh" else "squad")
    if way not in ("squad", "cmrc2018", "characters"):
        raise LeitaiError(
            f"unknown scoring {way!r}",
            where=row.source,
            remedy="use squad, cmrc2018 or characters",
        )
    return cast(Scoring, way)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _answerable_f1(records: Sequence[ItemRecord]) -> float:
    return _mean([r.detail["f1"] for r in records if r.detail["answerable"]])


def _all_answerable(records: Sequence[ItemRecord]) -> bool:
    return all(r.detail["answerable"] for r in records)


def _abstention_precision(records: Sequence[ItemRecord]) -> float:
    if _all_answerable(records):
        return math.nan
    return _mean([float(not r.detail["answerable"]) for r in records if r.detail["abstained"]])


def _abstention_recall(records: Sequence[ItemRecord]) -> float:
    return _mean([float(r.detail["abstained"]) for r in records if not r.detail["answerable"]])


_SUMMARIES: Mapping[str, Summary] = {
    "answerable_f1": _answerable_f1,
    "abstention_precision": _abstention_precision,
    "abstention_recall": _abstention_recall,
}
