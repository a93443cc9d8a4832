"""Decoding steps of fixed shapes, which a GPU replays without Python.

    rows that write        static buffers, one set a shape          replayed
    id, place, blocks  ->  ids [N], places [N], slots [N],      ->  decoder, output head
                           table [N, W], seen [N]                   -> logits [N, V]

A step of a small model is a thousand kernels of a few microseconds each; launching them one by one
takes longer than their work. A CUDA graph launches all of them at once, but with the shapes and
addresses of its capture. So rows are filled up to N, the next power of two, and tables to W blocks,
and each shape is captured when it is first wanted. Rows that fill up repeat the first one: they
write the same numbers to the same slot.

On other devices the very same function runs over the very same buffers, which is how it is tested.
It has never run on a GPU.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from leitai.forest import VirtualTokens
from leitai.inference.kv_pool import BLOCK_TOKENS, KeyValuePool, blocks_for
from leitai.inference.paged_attention import Part
from leitai.models import Decoder

MOST_ROWS = 64
LEAST_BLOCKS = 8
_WARM_UPS = 2  # passes before a capture, in which libraries reserve what they need

_logger = logging.getLogger("leitai.inference")


@dataclass(frozen=True)
class Buffers:
    """What a step reads, in memory whose address stays.

    Attributes:
        ids: token ids, [1, N].
        places: positions in the sequences, [1, N].
        slots: where keys and values go: block times `BLOCK_TOKENS` plus place in it, [N].
        table: blocks of each row, [N, W].
        seen: how many keys each row sees, its own included, [N].
    """

    ids: Tensor
    places: Tensor
    slots: Tensor
    table: Tensor
    seen: Tensor

    @classmethod
    def empty(cls, rows: int, blocks: int, device: torch.device) -> "Buffers":
        """Make room for rows and blocks a row."""
        shapes = ((1, rows), (1, rows), (rows,), (rows, blocks), (rows,))
        return cls(*(torch.zeros(shape, dtype=torch.int64, device=device) for shape in shapes))

    def fill(self, parts: Sequence[Part], ids: Sequence[int]) -> None:
        """Put in a step of one token a row; rows beyond repeat the first.

        Args:
            parts: at most N sequences with one new token each.
            ids: those tokens.
        """
        rows, blocks = self.table.shape
        parts = [*parts, *[parts[0]] * (rows - len(parts))]
        ids = [*ids, *[ids[0]] * (rows - len(ids))]
        numbers = (
            [ids],
            [[part.start for part in parts]],
            [
                part.table[part.start // BLOCK_TOKENS] * BLOCK_TOKENS + part.start % BLOCK_TOKENS
                for part in parts
            ],
            [[*part.table[:blocks], *[0] * (blocks - len(part.table))] for part in parts],
            [part.start + 1 for part in parts],
        )
        own = (self.ids, self.places, self.slots, self.table, self.seen)
        for tensor, values in zip(own, numbers, strict=True):
            found = torch.tensor(values, dtype=torch.int64, device="cpu")
            if tensor.device.type == "cuda":  # else the copy would wait for the device
                found = found.pin_memory()
            tensor.copy_(found, non_blocking=True)


class StaticScope:
    """Attention of one token a row over blocks of a pool, without a look at any value."""

    def __init__(self, pool: KeyValuePool, buffers: Buffers) -> None:
        """Read the buffers when the pass runs, not now.

        Args:
            pool: where keys and values are.
            buffers: what the rows are.
        """
        self._pool, self._buffers = pool, buffers
        self._visible: Tensor | None = None

    def begin(
        self, steps: int, device: torch.device, virtual: VirtualTokens | None = None
    ) -> Tensor:
        """Return the positions, [1, N]; see `AttentionScope.begin`."""
        if virtual is not None:
            raise ValueError("virtual tokens have no place in these buffers")
        keys = torch.arange(self._buffers.table.shape[1] * BLOCK_TOKENS, device=device)
        self._visible = (keys < self._buffers.seen[:, None])[:, None, None]  # [N, 1, 1, S]
        return self._buffers.places

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Store the new keys and values and attend; see `AttentionScope.attend`."""
        assert self._visible is not None
        table = self._buffers.table
        keys, values = self._pool.keys[layer], self._pool.values[layer]
        for store, new in ((keys, k), (values, v)):
            store.flatten(0, 1).index_copy_(0, self._buffers.slots, new[0].transpose(0, 1))
        seen, known = (
            store.index_select(0, table.flatten())
            .view(len(table), -1, *store.shape[2:])
            .transpose(1, 2)
            for store in (keys, values)
        )  # [N, H_kv, S, D]
        _, heads, rows, size = q.shape
        # Query heads of a group along the query axis: each key head is read once.
        grouped = q[0].transpose(0, 1).reshape(rows, keys.shape[2], -1, size)
        visible = self._visible.expand(-1, 1, grouped.shape[2], -1)
        out = scaled_dot_product_attention(grouped, seen, known, attn_mask=visible)
        return out.reshape(1, rows, heads, size).transpose(1, 2)

    def finish(self, steps: int) -> None:
        """The sequences' lengths are the engine's business."""


@dataclass
class _Step:
    """A step of one shape: run `launch` after filling `buffers`, then read `logits`."""

    buffers: Buffers
    launch: Callable[[], object]
    logits: Tensor


@dataclass
class DecodeGraphs:
    """The steps of all shapes that were wanted so far.

    Attributes:
        decoder: in evaluation mode, without virtual tokens; its weights stay where they are.
        pool: where keys and values are.
    """

    decoder: Decoder
    pool: KeyValuePool
    _steps: dict[tuple[int, int], _Step] = field(default_factory=dict)
    _memory: Any = None  # that the graphs share, since one runs at a time
    _broken: bool = False

    def takes(self, parts: Sequence[Part]) -> bool:
        """Whether these are rows that write, one token each, and no more than fit."""
        return (
            not self._broken
            and self.decoder.prefix is None
            and 0 < len(parts) <= MOST_ROWS
            and all(part.steps == 1 for part in parts)
        )

    def logits(self, parts: Sequence[Part], ids: Sequence[int]) -> Tensor | None:
        """Run a step.

        Args:
            parts: what `takes`.
            ids: the new token of each.

        Returns:
            Logits of the next tokens, [n, V], overwritten by the next step; None where the device
            could not capture a graph, now and from then on.
        """
        blocks = max(blocks_for(part.start + 1) for part in parts)
        shape = _bucket(len(parts), 1), _bucket(blocks, LEAST_BLOCKS)
        step = self._steps.get(shape)
        if step is None:
            buffers = Buffers.empty(*shape, self.decoder.device)
            buffers.fill(parts, ids)
            try:
                step = self._steps[shape] = self._prepare(buffers)
            except RuntimeError as error:
                _logger.warning("decoding goes on without CUDA graphs: %s", error)
                self._broken = True
                self._steps.clear()
                return None
        step.buffers.fill(parts, ids)
        step.launch()
        return step.logits[: len(parts)]

    def _prepare(self, buffers: Buffers) -> _Step:
        def run() -> Tensor:
            hidden = self.decoder(buffers.ids, scope=StaticScope(self.pool, buffers))
            return self.decoder.logits(hidden[0])

        if self.decoder.device.type != "cuda":
            logits = run()
            return _Step(buffers, lambda: logits.copy_(run()), logits)
        # Capturing wants a stream of its own and everything reserved beforehand.
        stream = torch.cuda.Stream(self.decoder.device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self.decoder.device))
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                run()
        torch.cuda.current_stream(self.decoder.device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._memory):
            logits = run()
        self._memory = self._memory or graph.pool()
        return _Step(buffers, graph.replay, logits)


def _bucket(count: int, least: int) -> int:
    """Return the next power of two."""
    return max(least, 1 << (count - 1).bit_length())
