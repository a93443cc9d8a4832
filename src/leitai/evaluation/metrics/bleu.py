"""Corpus BLEU (Papineni et al., 2002), computed by sacrebleu (Post, 2018)."""

from collections.abc import Sequence

from leitai.base.errors import LeitaiError


def corpus_bleu(written: Sequence[str], references: Sequence[str], language: str) -> float:
    """Return corpus BLEU, from 0 to 1, with sacrebleu's tokenisation of the language.

    Args:
        written: the translations.
        references: one for each.
        language: that is written; "zh" is cut into characters (``tokenize="zh"``), the rest as
            WMT does (``"13a"``).

    Raises:
        LeitaiError: sacrebleu is not installed.
    """
    require_sacrebleu()
    from sacrebleu.metrics.bleu import BLEU

    metric = BLEU(tokenize="zh" if language == "zh" else "13a")
    score = metric.corpus_score(list(written), [list(references)]).score
    return min(1.0, float(score) / 100)  # a perfect score comes out a rounding error above


def require_sacrebleu() -> None:
    """Check that sacrebleu can be used.

    Raises:
        LeitaiError: it is not installed.
    """
    try:
        import sacrebleu  # noqa: F401
    except ImportError as error:
        raise LeitaiError(
            "BLEU needs sacrebleu", where="translation", remedy='pip install "leitai[metrics]"'
        ) from error
