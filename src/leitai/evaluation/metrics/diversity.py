"""How varied and how repetitive texts are."""

import math
from collections.abc import Sequence
from functools import lru_cache

from leitai.evaluation.metrics.units import units


@lru_cache(maxsize=4096)
def _grams(text: str, n: int) -> tuple[frozenset[tuple[str, ...]], int]:
    """Different n-grams of a text, and how many it has; kept, since resampling asks again."""
    found = units(text)
    count = max(0, len(found) - n + 1)
    return frozenset(tuple(found[i : i + n]) for i in range(count)), count


def distinct(texts: Sequence[str], n: int) -> float:
    """Return distinct-n (Li et al., 2016): different n-grams over all n-grams of all texts.

    N-grams are of `units`, so they do not depend on a tokenizer. Texts that are longer in all have
    a lower distinct-n by nature: compare it between contenders on the same items only.

    Returns:
        From 0 to 1; NaN where no text has n units.
    """
    found = [_grams(text, n) for text in texts]
    total = sum(count for _, count in found)
    return len(frozenset().union(*(grams for grams, _ in found))) / total if total else math.nan


def repetition(text: str, n: int) -> float:
    """Return rep-n (Welleck et al., 2020): the share of a text's n-grams that came before.

    Returns:
        From 0 to 1; 0 for a text that is shorter than n units.
    """
    grams, count = _grams(text, n)
    return 1 - len(grams) / count if count else 0.0
