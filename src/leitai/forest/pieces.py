"""A forest too large for one pass, in pieces: what a later piece hangs on is kept, not repeated.

A piece is a run of segments in pre-order. What stands before its segments, but outside it, is then
one chain of ancestors: those of its first segment. Their keys and values are kept from the pieces
that computed them, and dropped as soon as nothing descends from them any more.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from leitai.forest.accelerator import masked_attention
from leitai.forest.attention import (
    additive_masks,
    attend_across,
    merged_flash,
)
from leitai.forest.forest import Forest, Segment
from leitai.forest.plan import plan_attention
from leitai.forest.virtual import VirtualTokens


@dataclass(frozen=True)
class Piece:
    """Some of a forest's segments, in one pass.

    Attributes:
        forest: the segments as a forest of their own; it has no `tails`.
        start: place of its first token in the whole forest.
        stop: place after its last.
        ancestors: segments of the whole forest, outside the piece, that its tokens look at; from
            the root downwards.
        open: segments of the whole forest, inside the piece, that later pieces look at.
    """

    forest: Forest
    start: int
    stop: int
    ancestors: tuple[Segment, ...]
    open: tuple[Segment, ...]


def cut(forest: Forest, tokens: int) -> Iterator[Piece]:
    """Cut a forest into pieces of at most so many tokens; a longer segment is its own piece."""
    segments = forest.segments
    first = 0
    while first < len(segments):
        start = segments[first].start
        last = first + 1
        while last < len(segments) and segments[last].stop - start <= tokens:
            last += 1
        yield _piece(forest, first, last)
        first = last


def _piece(forest: Forest, first: int, last: int) -> Piece:
    segments = forest.segments
    start, stop = segments[first].start, segments[last - 1].stop
    ancestors = []
    above = segments[first].parent
    while above >= 0:
        ancestors.append(segments[above])
        above = segments[above].parent
    inside = tuple(
        replace(
            segment,
            start=segment.start - start,
            stop=segment.stop - start,
            end=min(segment.end, stop) - start,
            parent=segment.parent - first if segment.parent >= first else -1,
        )
        for segment in segments[first:last]
    )
    part = slice(start, stop)
    return Piece(
        Forest(forest.ids[part], forest.positions[part], inside, ()),
        start,
        stop,
        tuple(ancestors[::-1]),
        tuple(segment for segment in segments[first:last] if segment.end > stop),
    )


class Kept:
    """Keys and values of segments that pieces to come look at, by the segment's first place."""

    def __init__(self) -> None:
        self._layers: dict[int, list[tuple[Tensor, Tensor]]] = {}

    def add(self, segment: Segment, keys: Tensor, values: Tensor) -> None:
        """Keep a layer's keys and values of a segment, [1, H_kv, S, D] each, copied."""
        self._layers.setdefault(segment.start, []).append((keys.clone(), values.clone()))

    def get(self, segment: Segment, layer: int) -> tuple[Tensor, Tensor]:
        """Return what was added for a layer."""
        return self._layers[segment.start][layer]

    def drop(self, segments: tuple[Segment, ...], place: int) -> None:
        """Forget those of the segments from which nothing descends at or after `place`."""
        for segment in segments:
            if segment.end <= place:
                del self._layers[segment.start]


class PieceScope:
    """The attention of one pass over a piece, without gradient."""

    def __init__(self, piece: Piece, kept: Kept) -> None:
        """Prepare the pass; the pieces of a forest share `kept` and run in order."""
        self._piece, self._kept = piece, kept
        self._plan = plan_attention(piece.forest)
        self._positions = torch.from_numpy(piece.forest.positions)[None]
        self._virtual: VirtualTokens | None = None
        self._mask: Tensor | None = None
        self._masks: list[Tensor | None] | None = None

    def begin(
        self, steps: int, device: torch.device, virtual: VirtualTokens | None = None
    ) -> Tensor:
        """Return the positions in the sequences, [1, N]."""
        self._virtual = virtual
        return self._positions.to(device)

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend; q is [1, H, N, D], k and v are [1, H_kv, N, D]; returns [1, H, N, D]."""
        for segment in self._piece.open:
            own = slice(segment.start - self._piece.start, segment.stop - self._piece.start)
            self._kept.add(segment, k[:, :, own], v[:, :, own])
        before = [self._kept.get(segment, layer) for segment in self._piece.ancestors]
        virtual = [self._virtual.layer(layer, q.dtype)] if self._virtual is not None else []
        if q.device.type != "cpu":
            return self._attend_masked(q, [*virtual, *before, (k, v)])
        if self._masks is None:
            self._masks = additive_masks(self._plan, q.dtype)
        out, lse = merged_flash(q, k, v, self._plan, self._masks)
        for keys, values in virtual:
            attend_across(q, keys, values, out, lse)
        for segment, (keys, values) in zip(self._piece.ancestors, before, strict=True):
            below = slice(0, self._below(segment))
            attend_across(q[:, :, below], keys, values, out[:, :, below], lse[:, :, below])
        return out

    def finish(self, steps: int) -> None:
        """Forget what nothing looks at any more."""
        self._kept.drop(self._piece.ancestors, self._piece.stop)

    def _attend_masked(self, q: Tensor, seen: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Attend in one call, for devices without the CPU's kernel."""
        keys, values = (torch.cat(parts, dim=2) for parts in zip(*seen, strict=True))
        return masked_attention(q, keys, values, self._whole_mask(q.device))

    def _below(self, segment: Segment) -> int:
        """Count the piece's tokens that descend from an ancestor; they are its first ones."""
        return min(segment.end, self._piece.stop) - self._piece.start

    def _whole_mask(self, device: torch.device) -> Tensor:
        """Return which key each query sees, virtual and ancestors' first, [N, S]; made once."""
        if self._mask is None:
            parts = []
            for segment in self._piece.ancestors:
                seen = torch.zeros(
                    self._plan.tokens, segment.stop - segment.start, dtype=torch.bool
                )
                seen[: self._below(segment)] = True
                parts.append(seen)
            mask = torch.cat([*parts, self._plan.dense_mask()], dim=1)
            mask = self._virtual.visible(mask) if self._virtual is not None else mask
            self._mask = mask.to(device)
        return self._mask
