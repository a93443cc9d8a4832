"""Translation between Chinese and English."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from leitai.data import Row
from leitai.evaluation.asking import reference_of
from leitai.evaluation.metrics.bleu import Counts as Bleu
from leitai.evaluation.metrics.bleu import bleu_counts, bleu_of_counts
from leitai.evaluation.metrics.chrf import chrf_counts, chrf_of_counts
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
        answers = [answer.text.strip() for answer in respondent.write(items, self.max_characters)]
        references = [reference_of(row) for row in items]
        targets = [str(row.facts.get("to") or row.language or "") for row in items]
        bleu: dict[int, Bleu] = {}
        for to in set(targets):
            places = [place for place, target in enumerate(targets) if target == to]
            written = [answers[place] for place in places]
            counts = bleu_counts(written, [references[place] for place in places], to)
            bleu |= dict(zip(places, counts, strict=True))
        return [
            _grade(row, answers[place], references[place], targets[place], bleu[place])
            for place, row in enumerate(items)
        ]

    def summaries(self) -> Mapping[str, Summary]:
        """Corpus BLEU and corpus chrF++; over both directions, their mean by items."""
        return {
            "bleu": lambda records: _by_target(records, "bleu", bleu_of_counts),
            "chrf_pp": lambda records: _by_target(records, "chrf", chrf_of_counts),
        }


def _grade(row: Row, answer: str, reference: str, to: str, bleu: Bleu) -> ItemRecord:
    """Keep what corpus scores add up, so that they are cheap to resample."""
    counts = chrf_counts(answer, reference, word_order=WORDS)
    return record(
        row,
        answer,
        chrf_of_counts([counts]),
        parsed=bool(answer),
        measures={"untranslated": float(untranslated(answer, reference, to))},
        detail={"to": to, "bleu": bleu, "chrf": counts},
    )


def untranslated(answer: str, reference: str, to: str) -> bool:
    """Tell whether an answer is in the wrong script, where its reference is in the right one.

    A third of Chinese characters among the units is where the two part; an empty answer counts.
    """
    if not answer.strip():
        return True
    chinese = [han_share(text) > 1 / 3 for text in (answer, reference)]
    return chinese[1] == (to == "zh") and chinese[0] != chinese[1]


def _by_target(
    records: Sequence[ItemRecord], name: str, score: Callable[[Sequence[Any]], float]
) -> float:
    parts: dict[str, list[Any]] = defaultdict(list)
    for item in records:
        parts[item.detail["to"]].append(item.detail[name])
    if not records:
        return math.nan
    return sum(len(part) * score(part) for part in parts.values()) / len(records)
