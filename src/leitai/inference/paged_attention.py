"""Attention of one packed pass over sequences in a pool; what several share is read once.

The tokens of all sequences stand in one row without padding. Keys and values of the new tokens go
into the pool first; then each token attends to its sequence in pieces, which are merged by their
log-sum-exp:

- blocks that several sequences have in common: the queries of all of them in one product, so shared
  keys and values are read once (Juravsky et al., arXiv 2402.05099);
- the rest of each sequence with few new tokens: on a CPU in bfloat16 by a kernel that reads the
  blocks where they are, elsewhere all sequences of similar lengths in one product;
- for a long chunk of a prompt, its own past without a mask, and itself causally.

Query heads of a group are stacked along the query axis, so each key head is read once: on two Zen 4
cores that made a decoding step's product over 600 tokens nine times faster in bfloat16.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from leitai.forest import VirtualTokens
from leitai.inference.kv_pool import BLOCK_TOKENS, KeyValuePool, blocks_for
from leitai.inference.partial_attention import Merged, attention_and_lse
from leitai.kernels.attention import Blocks, attend_blocks, attends_blocks

# Sequences with at most so many new tokens are padded to common shapes, others run on their own.
SHORT = 17
# Keys read less often, in tokens, that make a piece of its own worth its calls.
WORTH_SHARING = 64


@dataclass(frozen=True, slots=True)
class Part:
    """New tokens of one sequence.

    Attributes:
        table: its blocks, the new tokens' included.
        start: how many tokens it had.
        steps: how many are new.
    """

    table: Sequence[int]
    start: int
    steps: int


@dataclass(frozen=True, slots=True)
class _Piece:
    """Tokens of the row that attend to the same blocks, without a mask.

    Attributes:
        tokens: which, [n] or a slice.
        table: block numbers.
        length: keys to attend to, from the first block on.
    """

    tokens: Tensor | slice
    table: Tensor
    length: int


@dataclass(frozen=True, slots=True)
class _Rows:
    """Sequences with few new tokens, each with keys of its own.

    Attributes:
        tokens: of the row, [R, T]; short rows repeat their last token.
        real: which of the R * T are no repetition; None if all.
        table: blocks, [R * blocks a row].
        mask: 0 or -inf, [R, 1, G * T, S].
    """

    tokens: Tensor
    real: Tensor | None
    table: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class _Singles:
    """Tokens that attend one by one, each to blocks of its own sequence.

    Attributes:
        tokens: of the row, [n] or a slice.
        blocks: what each of them sees.
    """

    tokens: Tensor | slice
    blocks: Blocks


class PagedScope:
    """The attention of one packed pass [1, N] over sequences in a pool."""

    def __init__(self, pool: KeyValuePool, parts: Sequence[Part], group: int) -> None:
        """Plan the pass.

        Args:
            pool: where keys and values are.
            parts: the sequences in the order of their tokens.
            group: query heads per key head.
        """
        self._pool, self._group = pool, group
        self._virtual: VirtualTokens | None = None
        self._device = pool.keys[0].device
        self._parts = parts
        self._first = [0, *accumulate(part.steps for part in parts)]
        places = [p for part in parts for p in range(part.start, part.start + part.steps)]
        self._positions = self._index(places)[None]
        self._slots = self._index(
            [
                part.table[p // BLOCK_TOKENS] * BLOCK_TOKENS + p % BLOCK_TOKENS
                for part in parts
                for p in range(part.start, part.start + part.steps)
            ]
        )
        self._pieces: list[_Piece] = []
        self._rows: list[_Rows] = []
        self._singles: list[_Singles] = []
        self._chunks: list[slice] = []
        self._covered = [0] * len(parts)  # blocks that a shared piece takes care of
        self._share(range(len(parts)), 0)
        short = [i for i, part in enumerate(parts) if part.steps <= SHORT]
        if short and attends_blocks(pool.keys[0]):
            self._add_singles(short)
        else:
            for rows in self._alike(short):
                self._add_rows(rows)
        for i, part in enumerate(parts):
            if part.steps > SHORT:
                self._add_chunk(i)
        self._plain = bool(self._singles) and not (self._pieces or self._rows or self._chunks)

    def begin(
        self, steps: int, device: torch.device, virtual: VirtualTokens | None = None
    ) -> Tensor:
        """Return the positions in the sequences, [1, N]; see `AttentionScope.begin`."""
        if steps != self._first[-1]:
            raise ValueError(f"planned for {self._first[-1]} tokens, not {steps}")
        self._virtual = virtual
        return self._positions

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Store the new keys and values and attend; see `AttentionScope.attend`."""
        keys, values = self._pool.keys[layer], self._pool.values[layer]
        keys.flatten(0, 1).index_copy_(0, self._slots, k[0].transpose(0, 1))
        values.flatten(0, 1).index_copy_(0, self._slots, v[0].transpose(0, 1))
        if self._plain and self._virtual is None:
            # nothing to merge: the common case of a step of writing, where calls cost
            out, _ = attend_blocks(q[0].transpose(0, 1), keys, values, self._singles[0].blocks)
            return out.to(q.dtype).transpose(0, 1)[None]
        _, heads, tokens, size = q.shape
        split = (heads // self._group, self._group)
        grouped = q[0].view(*split, tokens, size)
        steps = len(self._pieces) + len(self._rows) + len(self._singles) + len(self._chunks)
        merged = Merged(grouped, steps + (self._virtual is not None))
        if self._virtual is not None:
            out, lse = attention_and_lse(
                grouped.flatten(1, 2)[None], *self._virtual.layer(layer, q.dtype), None
            )
            merged.add(slice(None), out.view(grouped.shape), lse.view(grouped.shape[:-1]))
        for piece in self._pieces:
            merged.add(piece.tokens, *self._over_blocks(grouped, keys, values, piece))
        for rows in self._rows:
            merged.add(*self._over_rows(grouped, keys, values, rows))
        for singles in self._singles:
            out, lse = attend_blocks(
                q[0, :, singles.tokens].transpose(0, 1), keys, values, singles.blocks
            )
            merged.add(
                singles.tokens,
                out.transpose(0, 1).view(*split, -1, size),
                lse.T.view(*split, -1),
            )
        for own in self._chunks:
            out, lse = attention_and_lse(
                q[:, :, own], k[:, :, own], v[:, :, own], None, causal=True
            )
            merged.add(own, out[0].view(*split, -1, size), lse[0].view(*split, -1))
        return merged.out.to(q.dtype).view(1, heads, tokens, size)

    def finish(self, steps: int) -> None:
        """The sequences' lengths are the engine's business."""

    def _over_blocks(
        self, q: Tensor, keys: Tensor, values: Tensor, piece: _Piece
    ) -> tuple[Tensor, Tensor]:
        chosen = q[:, :, piece.tokens]
        k, v = (
            store.index_select(0, piece.table).flatten(0, 1)[: piece.length].transpose(0, 1)[None]
            for store in (keys, values)
        )
        out, lse = attention_and_lse(chosen.flatten(1, 2)[None], k, v, None)
        return out.view(chosen.shape), lse.view(chosen.shape[:-1])

    def _over_rows(
        self, q: Tensor, keys: Tensor, values: Tensor, rows: _Rows
    ) -> tuple[Tensor, Tensor, Tensor]:
        count, steps = rows.tokens.shape
        heads, group, _, size = q.shape
        chosen = q[:, :, rows.tokens.flatten()].view(heads, group, count, steps, size)
        stacked = chosen.permute(2, 0, 1, 3, 4).flatten(2, 3)  # [R, H_kv, G * T, D]
        k, v = (
            store.index_select(0, rows.table).view(count, -1, *store.shape[2:]).transpose(1, 2)
            for store in (keys, values)
        )
        out, lse = attention_and_lse(stacked, k, v, rows.mask)
        split = (count, heads, group, steps)
        out = out.view(*split, size).permute(1, 2, 0, 3, 4).flatten(2, 3)
        lse = lse.view(split).permute(1, 2, 0, 3).flatten(2, 3)
        tokens = rows.tokens.flatten()
        if rows.real is not None:
            tokens, out, lse = tokens[rows.real], out[:, :, rows.real], lse[:, :, rows.real]
        return tokens, out, lse

    def _share(self, members: Sequence[int], depth: int) -> None:
        """Make pieces of the blocks that several of `members` have in common from `depth` on."""
        groups = defaultdict(list)
        for i in members:
            # Full blocks of the past only: every query of every member sees all of them.
            if self._parts[i].start // BLOCK_TOKENS > depth:
                groups[self._parts[i].table[depth]].append(i)
        for group in groups.values():
            tables = [self._parts[i].table for i in group]
            end = depth + 1
            last = min(self._parts[i].start // BLOCK_TOKENS for i in group)
            while end < last and all(table[end] == tables[0][end] for table in tables):
                end += 1
            if (len(group) - 1) * (end - depth) * BLOCK_TOKENS < WORTH_SHARING:
                continue
            tokens = [t for i in group for t in range(self._first[i], self._first[i + 1])]
            length = (end - depth) * BLOCK_TOKENS
            self._pieces.append(
                _Piece(self._span(tokens), self._index(tables[0][depth:end]), length)
            )
            for i in group:
                self._covered[i] = end
            self._share(group, end)

    def _alike(self, members: Sequence[int]) -> list[list[int]]:
        """Group short rows whose padding to common shapes costs little."""
        groups: list[list[int]] = []
        for i in sorted(members, key=lambda i: (self._parts[i].steps > 1, self._blocks(i), i)):
            first = groups[-1][0] if groups else i
            same_kind = (self._parts[first].steps > 1) == (self._parts[i].steps > 1)
            if groups and same_kind and self._blocks(i) <= 1.5 * self._blocks(first) + 4:
                groups[-1].append(i)
            else:
                groups.append([i])
        return groups

    def _blocks(self, i: int) -> int:
        """How many blocks a part attends to on its own."""
        return blocks_for(self._parts[i].start + self._parts[i].steps) - self._covered[i]

    def _add_rows(self, members: list[int]) -> None:
        steps = max(self._parts[i].steps for i in members)
        width = max(self._blocks(i) for i in members)
        table: list[int] = []
        tokens, last = [], []
        for i in members:
            part, own = self._parts[i], self._blocks(i)
            table += part.table[self._covered[i] : self._covered[i] + own]
            table += [self._pool.filler] * (width - own)
            within = [min(t, part.steps - 1) for t in range(steps)]
            tokens.append([self._first[i] + t for t in within])
            before = part.start - self._covered[i] * BLOCK_TOKENS
            last.append([before + t for t in within])
        real = [t < self._parts[i].steps for i in members for t in range(steps)]
        # [R, T, S] -> the same for each query head of a group, which are stacked: [R, 1, G * T, S]
        seen = (
            torch.arange(width * BLOCK_TOKENS, device=self._device) <= self._index(last)[..., None]
        )
        hidden = torch.zeros(seen.shape, device=self._device).masked_fill_(~seen, float("-inf"))
        self._rows.append(
            _Rows(
                tokens=self._index(tokens),
                real=None if all(real) else torch.tensor(real, device=self._device),
                table=self._index(table),
                mask=hidden.repeat(1, self._group, 1)[:, None].to(self._pool.keys[0].dtype),
            )
        )

    def _add_singles(self, members: Sequence[int]) -> None:
        table: list[int] = []
        tokens: list[int] = []
        first: list[int] = []
        lengths: list[int] = []
        for i in members:
            part, covered = self._parts[i], self._covered[i]
            tokens += range(self._first[i], self._first[i + 1])
            first += [len(table)] * part.steps
            lengths += [part.start - covered * BLOCK_TOKENS + t + 1 for t in range(part.steps)]
            table += part.table[covered:]
        blocks = Blocks(*map(self._index, (table, first, lengths)))
        self._singles.append(_Singles(self._span(tokens), blocks))

    def _add_chunk(self, i: int) -> None:
        part, own = self._parts[i], slice(self._first[i], self._first[i + 1])
        past = part.start - self._covered[i] * BLOCK_TOKENS
        if past:
            table = part.table[self._covered[i] : blocks_for(part.start)]
            self._pieces.append(_Piece(own, self._index(table), past))
        self._chunks.append(own)

    def _span(self, tokens: list[int]) -> Tensor | slice:
        if tokens[-1] - tokens[0] == len(tokens) - 1:
            return slice(tokens[0], tokens[-1] + 1)
        return self._index(tokens)

    def _index(self, numbers: Sequence[int] | Sequence[Sequence[int]]) -> Tensor:
        return torch.tensor(numbers, dtype=torch.int64, device=self._device)
