"""Which tokens attend to which, as few dense pieces of attention.

Every token is a query and a key in exactly one *self* step, which covers its own segment (or a
few small subtrees at once, under a mask). A segment that has descendants outside its self step is
then looked at by all of them in one *cross* step. Both kinds are ordinary attention over slices of
the packed row; `attention.py` merges their results.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leitai.forest.forest import DENSE, Forest, Ints, Segment


@dataclass(frozen=True, slots=True)
class SelfStep:
    """Tokens `start` to `stop` look at themselves.

    Attributes:
        start: first place.
        stop: place after the last.
        mask: which key [n] each query [n] sees; None: all up to itself (or all, if not causal).
    """

    start: int
    stop: int
    mask: Tensor | None


@dataclass(frozen=True, slots=True)
class CrossStep:
    """The tokens after a segment, to the end of its subtree, look at the whole of the segment.

    Attributes:
        start: first place of the segment.
        stop: place after its last; the first of the queries.
        end: place after the last query.
    """

    start: int
    stop: int
    end: int


@dataclass(frozen=True, slots=True)
class AttentionPlan:
    """The steps of attention over one packed row.

    Attributes:
        tokens: N.
        causal: False when each sequence attends in both directions.
        selves: disjoint, and together the whole row.
        crosses: what descends from a segment looks at it.
        ends: see `Forest.ends`, [N].
    """

    tokens: int
    causal: bool
    selves: tuple[SelfStep, ...]
    crosses: tuple[CrossStep, ...]
    ends: Tensor

    def dense_mask(self) -> Tensor:
        """Return which key each query sees, [N, N]; what the steps amount to."""
        return torch.from_numpy(_mask(self.ends.numpy(), 0, self.tokens, self.causal))


def plan_attention(forest: Forest, *, causal: bool = True, dense: int = DENSE) -> AttentionPlan:
    """Arrange the attention of a forest.

    Args:
        forest: what is to be computed.
        causal: False lets every token of a sequence see all of it; the forest must then have been
            planted with `share=False`.
        dense: tokens that one masked step may have.

    Raises:
        ValueError: not causal, and the forest shares prefixes.
    """
    segments = forest.segments
    if not causal and any(segment.parent >= 0 for segment in segments):
        raise ValueError("a shared prefix cannot look at what follows it; plant with share=False")
    selves: list[SelfStep] = []
    crosses: list[CrossStep] = []
    block: list[Segment] = []  # whole subtrees, side by side

    def close() -> None:
        if block:
            start, stop = block[0].start, block[-1].stop
            mask = None
            if len(block) > 1:
                mask = torch.from_numpy(_mask(forest.ends, start, stop, causal))
            selves.append(SelfStep(start, stop, mask))
            block.clear()

    inside = 0  # up to here, the subtree of a segment in the block
    for segment in segments:
        if segment.start < inside:
            block.append(segment)
            continue
        if segment.end - segment.start <= dense:
            if block and segment.end - block[0].start > dense:
                close()
            block.append(segment)
            inside = segment.end
            continue
        close()
        selves.append(SelfStep(segment.start, segment.stop, None))
        if segment.end > segment.stop:
            crosses.append(CrossStep(segment.start, segment.stop, segment.end))
    close()
    return AttentionPlan(
        len(forest.ids), causal, tuple(selves), tuple(crosses), torch.from_numpy(forest.ends)
    )


def _mask(ends: Ints, start: int, stop: int, causal: bool) -> NDArray[np.bool_]:
    """Say which key each query of a stretch sees, [n, n]."""
    places = np.arange(start, stop)
    query, key = places[:, None], places[None, :]
    own = ends[start:stop]
    if causal:
        seen: NDArray[np.bool_] = (key <= query) & (query < own[None, :])
        return seen
    same: NDArray[np.bool_] = own[:, None] == own[None, :]
    return same
