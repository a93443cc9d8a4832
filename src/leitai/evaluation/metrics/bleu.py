"""Corpus BLEU (Papineni et al., 2002), computed by sacrebleu (Post, 2018)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leitai.base.errors import LeitaiError

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU

Counts = tuple[tuple[int, ...], tuple[int, ...], int, int]
"""Shared and all n-grams of a translation for n from 1 to 4, its length, its reference's."""


def bleu_counts(written: Sequence[str], references: Sequence[str], language: str) -> list[Counts]:
    """Count for every translation what corpus BLEU adds up, with sacrebleu's tokenisation.

    Args:
        written: the translations.
        references: one for each.
        language: that is written; "zh" is cut into characters (``tokenize="zh"``), the rest as
            WMT does (``"13a"``).

    Raises:
        LeitaiError: sacrebleu is not installed.
    """
    metric = _sacrebleu()(tokenize="zh" if language == "zh" else "13a", effective_order=True)
    found = []
    for answer, reference in zip(written, references, strict=True):
        score = metric.sentence_score(answer, [reference])
        found.append((tuple(score.counts), tuple(score.totals), score.sys_len, score.ref_len))
    return found


def bleu_of_counts(counts: Sequence[Counts]) -> float:
    """Return the corpus BLEU of the translations that were counted, from 0 to 1.

    Raises:
        LeitaiError: sacrebleu is not installed.
    """
    score = _sacrebleu().compute_bleu(
        [sum(column) for column in zip(*(c[0] for c in counts), strict=True)],
        [sum(column) for column in zip(*(c[1] for c in counts), strict=True)],
        sum(c[2] for c in counts),
        sum(c[3] for c in counts),
        smooth_method="exp",
    )
    return min(1.0, float(score.score) / 100)  # a perfect score comes out a rounding error above


def _sacrebleu() -> "type[BLEU]":
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError as error:
        raise LeitaiError(
            "BLEU needs sacrebleu", where="translation", remedy='pip install "leitai[metrics]"'
        ) from error
    return BLEU
