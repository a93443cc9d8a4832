"""A step's examples divided over processes by what they will cost."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

from leitai.adapters.cost import attention_flops, linear_flops
from leitai.forest import common_prefix
from leitai.models import ModelConfig
from leitai.training.batches import Example

E = TypeVar("E", bound=Example)


def balance(examples: Sequence[E], parts: int, config: ModelConfig) -> list[list[E]]:
    """Divide examples so that the dearest part is as cheap as it can be.

    Examples are put in the order of their tokens, where those that begin alike are neighbours, and
    parts are runs of neighbours: a shared prefix is torn apart only where one process would
    otherwise have too much, and is then computed once in each part. Among such divisions the
    largest part is the smallest possible, by bisection. Some parts may be empty.

    Args:
        examples: of a step.
        parts: how many.
        config: gives the cost of a token and of a pair of tokens that attention compares.
    """
    ordered = sorted(examples, key=lambda example: example.sequences[0].astype(">u4").tobytes())
    alone, beside = _costs(ordered, config)
    low, high = max(alone), sum(alone)
    while high - low > 1e-3 * low:
        middle = (low + high) / 2
        if len(_cuts(alone, beside, middle)) <= parts:
            high = middle
        else:
            low = middle
    cuts = [*_cuts(alone, beside, high), len(ordered)]
    found = [list(ordered[start:stop]) for start, stop in pairwise(cuts)]
    return found + [[] for _ in range(parts - len(found))]


def _costs(ordered: Sequence[E], config: ModelConfig) -> tuple[list[float], list[float]]:
    """Return what each example costs as the first of a part, and after its neighbour."""
    token, pair = linear_flops(config), attention_flops(config, 1)
    alone: list[float] = []
    beside: list[float] = []
    last = None
    for example in ordered:
        sequences = example.sequences
        first = [0, *map(common_prefix, sequences, sequences[1:])]
        follows = [0 if last is None else common_prefix(last, sequences[0]), *first[1:]]
        for costs, shared in ((alone, first), (beside, follows)):
            costs.append(
                sum(
                    token * (len(ids) - known) + pair * (len(ids) ** 2 - known**2) / 2
                    for ids, known in zip(sequences, shared, strict=True)
                )
            )
        last = sequences[0]
    return alone, beside


def _cuts(alone: Sequence[float], beside: Sequence[float], most: float) -> list[int]:
    """Return where parts begin if each takes as many neighbours as cost `most` at the most."""
    cuts, spent = [], most + 1
    for number, first in enumerate(alone):
        spent += beside[number]
        if spent > most:
            cuts.append(number)
            spent = first
    return cuts
