"""Translation between Chinese and English."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from leitai.data import Row
from leitai.evaluation.asking import reference_of
from leitai.evaluation.metrics.bleu import corpus_bleu, require_sacrebleu
from leitai.evaluation.metrics.chrf import chrf
from leitai.evaluation.metrics.units import han_share
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Ability, Respondent
from leitai.evaluation.tasks.interface import Summary, record
from leitai.evaluation.tasks.shots import FewShot

WORDS = 2
"""Word order of chrF++."""


class Translation(FewShot):
    """Texts to be translated; metric: chrF++ of each, so that contenders are paired by item.

    A row's language (or ``facts.to``) is the one to be written. Beside the mean over items stand
    corpus BLEU and corpus chrF++, and the rate of answers in the wrong script.
    """

    metric: ClassVar[str] = "sentence_chrf_pp"

    kind: Literal["translation"]
    max_characters: int = Field(default=2000, ge=1, le=20_000)

    @property
    def needs(self) -> frozenset[Ability]:
        """To write."""
        return frozenset({"write"})

    def assess(
        self, items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
    ) -> list[ItemRecord]:
        """Compare each translation with its reference.

        Raises:
            LeitaiError: sacrebleu, which the summaries need, is not installed.
        """
        require_sacrebleu()
        answers = respondent.write(items, self.max_characters)
        return [_grade(row, answer.text) for row, answer in zip(items, answers, strict=True)]

    def summaries(self) -> Mapping[str, Summary]:
        """Corpus BLEU and corpus chrF++; over both directions, their mean by items."""
        return {
            "bleu": lambda records: _by_language(records, corpus_bleu),
            "chrf_pp": lambda records: _by_language(records, _corpus_chrf_pp),
        }


def _grade(row: Row, text: str) -> ItemRecord:
    answer, reference = text.strip(), reference_of(row)
    to = str(row.facts.get("to") or row.language or "")
    wrong = untranslated(answer, reference, to)
    return record(
        row,
        text,
        chrf([answer], [reference], word_order=WORDS),
        parsed=bool(answer),
        measures={"untranslated": float(wrong)},
        detail={"to": to},
    )


def untranslated(answer: str, reference: str, to: str) -> bool:
    """Tell whether an answer is in the wrong script, where its reference is in the right one.

    A third of Chinese characters among the units is where the two part; an empty answer counts.
    """
    if not answer.strip():
        return True
    chinese = [han_share(text) > 1 / 3 for text in (answer, reference)]
    return chinese[1] == (to == "zh") and chinese[0] != chinese[1]


def _corpus_chrf_pp(written: Sequence[str], references: Sequence[str], language: str) -> float:
    return chrf(written, references, word_order=WORDS)


def _by_language(
    records: Sequence[ItemRecord], score: Callable[[Sequence[str], Sequence[str], str], float]
) -> float:
    parts: dict[str, list[ItemRecord]] = defaultdict(list)
    for item in records:
        parts[item.detail["to"]].append(item)
    total = 0.0
    for to, part in parts.items():
        answers = [item.answer.strip() for item in part]
        total += len(part) * score(answers, [item.expected for item in part], to)
    return total / len(records) if records else math.nan
