"""chrF and chrF++ (Popović, 2015 and 2017): how many runs of characters and words are shared."""

import string
from collections import Counter
from collections.abc import Sequence

ORDER = 6
BETA = 2.0

_SIGNS = set(string.punctuation)


def _grams(units: Sequence[str], order: int) -> Counter[str]:
    return Counter("\0".join(units[i : i + order]) for i in range(len(units) - order + 1))


def _words(text: str) -> list[str]:
    """Part a sign off the end of a word, or else off its beginning, as chrF++ does."""
    words: list[str] = []
    for word in text.split():
        if len(word) > 1 and word[-1] in _SIGNS:
            words += [word[:-1], word[-1]]
        elif len(word) > 1 and word[0] in _SIGNS:
            words += [word[0], word[1:]]
        else:
            words.append(word)
    return words


def chrf(written: Sequence[str], references: Sequence[str], *, word_order: int = 0) -> float:
    """Return the corpus chrF2 of answers, from 0 to 1, as sacrebleu computes it (times 100).

    Runs of 1 to 6 characters, white space left out, are counted over all answers; precision and
    recall are averaged over the lengths that occur on both sides, and recall weighs twice as much.
    It needs no words, so Chinese and English are measured alike.

    Args:
        written: the answers.
        references: one for each.
        word_order: longest run of words that counts beside those of characters; 2 is chrF++.
    """
    orders = [(_spaceless, order) for order in range(1, ORDER + 1)]
    orders += [(_words, order) for order in range(1, word_order + 1)]
    precisions, recalls = [], []
    for part, order in orders:
        shared = ours = theirs = 0
        for answer, reference in zip(written, references, strict=True):
            a, b = _grams(part(answer), order), _grams(part(reference), order)
            shared += (a & b).total()
            if b:  # an answer's runs that its reference is too short for do not count
                ours += a.total()
            theirs += b.total()
        if ours and theirs:
            precisions.append(shared / ours)
            recalls.append(shared / theirs)
    if not any(precisions):
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall)


def _spaceless(text: str) -> list[str]:
    return list("".join(text.split()))
