"""How varied and how repetitive texts are."""

import math
from collections.abc import Sequence

from leitai.evaluation.metrics.units import units


def _grams(text: str, n: int) -> list[tuple[str, ...]]:
    found = units(text)
    return [tuple(found[i : i + n]) for i in range(len(found) - n + 1)]


def distinct(texts: Sequence[str], n: int) -> float:
    """Return distinct-n (Li et al., 2016): different n-grams over all n-grams of all texts.

    N-grams are of `units`, so they do not depend on a tokenizer. Texts that are longer in all have
    a lower distinct-n by nature: compare it between contenders on the same items only.

    Returns:
        From 0 to 1; NaN where no text has n units.
    """
    grams = [gram for text in texts for gram in _grams(text, n)]
    return len(set(grams)) / len(grams) if grams else math.nan


def repetition(text: str, n: int) -> float:
    """Return rep-n (Welleck et al., 2020): the share of a text's n-grams that came before.

    Returns:
        From 0 to 1; 0 for a text that is shorter than n units.
    """
    grams = _grams(text, n)
    return 1 - len(set(grams)) / len(grams) if grams else 0.0
