"""Token sequences as a prefix forest: every shared prefix is stored, and computed, once.

    sequences                       forest, packed in pre-order
    A  s s s s a a a                segment 0  s s s s    parent none
    B  s s s s b b                  segment 1  a a a      parent 0
    C  c c c                        segment 2  b b        parent 0
                                    segment 3  c c c      parent none

A segment stands directly behind its parent in every sequence that runs through it, and all that
descends from it stands behind it in one piece. So one number a token, the `end` of its segment's
subtree, says who may look at it: the token at place q sees the token at place k if and only if
`k <= q < end[k]`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

MIN_SAVING = 16
"""Tokens that a split must save. A split costs attention calls, which take about as long as the
rest of a block does for a handful of tokens."""
DENSE = 128
"""Tokens of small subtrees that attend together, in one masked call: there splits cost nothing.
Scores that the mask throws away cost less than another call up to about here."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Tokens that stand together in every sequence that has them.

    Attributes:
        start: place of the first token in the packed row.
        stop: place after the last.
        end: place after the last token of everything that descends from it.
        parent: index of the segment before it, or -1.
        position: how many tokens stand before it in its sequences.
    """

    start: int
    stop: int
    end: int
    parent: int
    position: int


@dataclass(frozen=True)
class Forest:
    """Sequences with their shared prefixes merged, packed without padding.

    Attributes:
        ids: the unique tokens, [N].
        positions: of each token in its sequences, [N].
        segments: in pre-order: a parent before its children, a subtree in one piece.
        tails: for each sequence, the segment in which it ends.
    """

    ids: Ints
    positions: Ints
    segments: tuple[Segment, ...]
    tails: tuple[int, ...]

    @cached_property
    def ends(self) -> Ints:
        """For each token, the place after its segment's subtree, [N]."""
        ends = np.empty(len(self.ids), dtype=np.int64)
        for segment in self.segments:
            ends[segment.start : segment.stop] = segment.end
        return ends

    def places(self, sequence: int) -> Ints:
        """Return where the tokens of a sequence stand in the packed row, [its length]."""
        parts = []
        index = self.tails[sequence]
        while index >= 0:
            segment = self.segments[index]
            parts.append(np.arange(segment.start, segment.stop))
            index = segment.parent
        return np.concatenate(parts[::-1])


def plant(
    sequences: Sequence[Sequence[int] | Ints], *, share: bool = True, min_saving: int = MIN_SAVING
) -> Forest:
    """Merge the shared prefixes of sequences where that pays.

    Args:
        sequences: token ids, none of them empty; equal ones share everything.
        share: False keeps each sequence whole, as attention in both directions needs it.
        min_saving: a prefix is split off when this many tokens need not be repeated for it, or if
            its subtree has at most `DENSE` tokens, for any saving.

    Raises:
        ValueError: a sequence is empty.
    """
    rows = [np.asarray(sequence, dtype=np.int64) for sequence in sequences]
    if not all(map(len, rows)):
        raise ValueError("a sequence without tokens has no place in a forest")
    # Big-endian bytes sort as the numbers do, and a prefix sorts before what continues it.
    keys = [row.astype(">u4").tobytes() for row in rows]
    order = sorted(range(len(rows)), key=keys.__getitem__)
    ordered = [rows[i] for i in order]
    shared = [0, *(common_prefix(a, b) for a, b in pairwise(ordered))]
    drafts, tails = _grow(ordered, np.asarray(shared), min_saving if share else None)
    segments, ids, positions = _pack(ordered, drafts)
    by_sequence = [0] * len(rows)
    for place, tail in zip(order, tails, strict=True):
        by_sequence[place] = tail
    return Forest(ids, positions, segments, tuple(by_sequence))


def common_prefix(a: Ints, b: Ints) -> int:
    """Count the tokens that two sequences begin with together."""
    size = min(len(a), len(b))
    different = np.flatnonzero(a[:size] != b[:size])
    return int(different[0]) if len(different) else size


@dataclass(frozen=True, slots=True)
class _Draft:
    """Tokens `first` to `last` of one of the sequences, below `parent`."""

    row: int
    first: int
    last: int
    parent: int


def _grow(rows: list[Ints], shared: Ints, min_saving: int | None) -> tuple[list[_Draft], list[int]]:
    """Part sorted sequences into segments in pre-order; return them and each sequence's last.

    Args:
        rows: in lexicographic order.
        shared: tokens that each begins with together with the one before it.
        min_saving: see `plant`; None never splits.
    """
    drafts: list[_Draft] = []
    tails = [-1] * len(rows)
    before = np.cumsum([0, *map(len, rows)]).tolist()  # tokens of the sequences before each
    # A stack and no recursion: prefixes may nest as deeply as they like. Each entry is a range of
    # sequences that agree up to `depth`, all below the segment `parent`.
    stack = [(0, len(rows), 0, -1)]
    while stack:
        low, high, depth, parent = stack.pop()
        if high - low == 1:
            tails[low] = parent
            if len(rows[low]) > depth:
                tails[low] = len(drafts)
                drafts.append(_Draft(low, depth, len(rows[low]), parent))
            continue
        inner = shared[low + 1 : high]
        common = int(inner.min()) if len(inner) else depth
        cuts = [low, *(np.flatnonzero(inner == common) + low + 1).tolist(), high]
        if min_saving is None:
            common, cuts = depth, list(range(low, high + 1))
        groups = list(pairwise(cuts))
        if min_saving is None:
            saving = worth = 0
        else:
            saving = (len(groups) - 1) * (common - depth)
            rest = before[high] - before[low] - (high - low) * depth - saving
            worth = min_saving if rest > DENSE else min(min_saving, 1)
        if saving and saving >= worth:
            drafts.append(_Draft(low, depth, common, parent))
            depth, parent = common, len(drafts) - 1
        # Short ones first, so that those of about one length lie side by side.
        groups.sort(key=lambda group: before[group[0]] - before[group[1]])
        stack.extend((first, last, depth, parent) for first, last in groups)
    return drafts, tails


def _pack(rows: list[Ints], drafts: list[_Draft]) -> tuple[tuple[Segment, ...], Ints, Ints]:
    """Lay the segments side by side; return them with the packed ids and positions."""
    sizes = [draft.last - draft.first for draft in drafts]
    stops = np.cumsum(sizes).tolist()
    ends = list(stops)
    for index in range(len(drafts) - 1, -1, -1):
        if (parent := drafts[index].parent) >= 0:
            ends[parent] = max(ends[parent], ends[index])
    segments = tuple(
        Segment(stop - size, stop, end, draft.parent, draft.first)
        for draft, size, stop, end in zip(drafts, sizes, stops, ends, strict=True)
    )
    ids = np.concatenate([rows[d.row][d.first : d.last] for d in drafts])
    positions = np.concatenate([np.arange(d.first, d.last) for d in drafts])
    return segments, ids, positions
