"""chrF and chrF++ (Popović, 2015 and 2017): how many runs of characters and words are shared."""

import string
from collections import Counter
from collections.abc import Sequence

ORDER = 6
BETA = 2.0

_SIGNS = set(string.punctuation)

Counts = tuple[tuple[int, int, int], ...]
"""For every length of runs: those shared, those of the answer, those of the reference."""


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


def chrf_counts(written: str, reference: str, *, word_order: int = 0) -> Counts:
    """Count what two texts share; counts of several pairs add up to those of their corpus.

    Args:
        written: the answer.
        reference: what it is compared with.
        word_order: longest run of words that counts beside those of 1 to 6 characters; 2 is chrF++.
    """
    counts = []
    characters = (list("".join(written.split())), list("".join(reference.split())), ORDER)
    words = (_words(written), _words(reference), word_order)
    for ours, theirs, orders in (characters, words):
        for order in range(1, orders + 1):
            a, b = _grams(ours, order), _grams(theirs, order)
            # an answer's runs that its reference is too short for do not count
            counts.append(((a & b).total(), a.total() if b else 0, b.total()))
    return tuple(counts)


def chrf_of_counts(pairs: Sequence[Counts]) -> float:
    """Return the corpus chrF2 of the pairs that were counted, from 0 to 1.

    Precision and recall are averaged over the lengths that occur on both sides, and recall weighs
    twice as much.
    """
    precisions: list[float] = []
    recalls: list[float] = []
    for order in zip(*pairs, strict=True):
        shared, ours, theirs = (sum(column) for column in zip(*order, strict=True))
        if ours and theirs:
            precisions.append(shared / ours)
            recalls.append(shared / theirs)
    if not any(precisions):
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return (1 + BETA * BETA) * precision * recall / (BETA * BETA * precision + recall)


def chrf(written: Sequence[str], references: Sequence[str], *, word_order: int = 0) -> float:
    """Return the corpus chrF2 of answers, from 0 to 1, as sacrebleu computes it (times 100).

    It needs no words, so Chinese and English are measured alike.

    Args:
        written: the answers.
        references: one for each.
        word_order: see `chrf_counts`.
    """
    pairs = zip(written, references, strict=True)
    return chrf_of_counts([chrf_counts(a, b, word_order=word_order) for a, b in pairs])
