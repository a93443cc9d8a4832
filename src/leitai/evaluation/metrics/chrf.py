"""chrF (Popović, 2015): how many runs of characters two texts share."""

from collections import Counter
from collections.abc import Sequence

ORDER = 6
BETA = 2.0


def _grams(text: str, order: int) -> Counter[str]:
    return Counter(text[i : i + order] for i in range(len(text) - order + 1))


def chrf(written: Sequence[str], references: Sequence[str]) -> float:
    """Return the corpus chrF2 of answers, from 0 to 1, as sacrebleu computes it (times 100).

    Runs of 1 to 6 characters, white space left out, are counted over all answers; precision and
    recall are averaged over the lengths that occur on both sides, and recall weighs twice as much.
    It needs no words, so Chinese and English are measured alike.

    Args:
        written: the answers.
        references: one for each.
    """
    precisions, recalls = [], []
    for order in range(1, ORDER + 1):
        shared = ours = theirs = 0
        for answer, reference in zip(written, references, strict=True):
            a = _grams("".join(answer.split()), order)
            b = _grams("".join(reference.split()), order)
            shared += (a & b).total()
            ours += a.total()
            theirs += b.total()
        if ours and theirs:
            precisions.append(shared / ours)
            recalls.append(shared / theirs)
    if not any(precisions):
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall)
