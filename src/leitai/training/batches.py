"""Rows as token ids, in an order that the seed and the epoch alone decide."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leitai.forest import ForestScope, common_prefix, plant

POOL = (
    50  # windows that are sorted by length together: windows of about one size, yet in random order
)
SHARED_AT_CUT = 1 / 30  # of a batch, what may be computed again in the next one

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


class Example(Protocol):
    """One thing to learn from, as the model sees it."""

    @property
    def source(self) -> str:
        """Where it stands, for errors."""

    @property
    def sequences(self) -> tuple[Ints, ...]:
        """The token ids that go through the model, [T] each."""

    @property
    def length(self) -> int:
        """Tokens of all its sequences."""

    @property
    def predictions(self) -> int:
        """How many tokens are predicted."""

    @property
    def content(self) -> tuple[NDArray[np.generic], ...]:
        """All that the loss depends on, for a hash."""

    @property
    def answer_bytes(self) -> int:
        """UTF-8 length of what is predicted; 0 where bits a byte would mean nothing."""


E = TypeVar("E", bound=Example)


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """A row as the model sees it.

    Attributes:
        ids: token ids, [T].
        targets: indices into `ids` of what is to be predicted, ascending, none of them 0.
        labels: the ids to predict there: those of `ids`, unless noise has changed them.
        weights: how much each target counts in the loss.
        source: where the row stands, for errors.
        answer: True for each target that is the assistant's.
        answer_bytes: UTF-8 length of the assistant's text, end-of-turn tokens left out.
    """

    ids: Ints
    targets: Ints
    labels: Ints
    weights: Floats
    answer: NDArray[np.bool_]
    source: str
    answer_bytes: int = 0

    @property
    def sequences(self) -> tuple[Ints, ...]:
        """See `Example.sequences`."""
        return (self.ids,)

    @property
    def length(self) -> int:
        """See `Example.length`."""
        return len(self.ids)

    @property
    def predictions(self) -> int:
        """See `Example.predictions`."""
        return len(self.targets)

    @property
    def content(self) -> tuple[NDArray[np.generic], ...]:
        """See `Example.content`."""
        return self.ids, self.targets, self.weights


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as a prefix forest, without padding, and what to predict from them.

    Attributes:
        ids: unique tokens that a prediction depends on, [1, N].
        scope: what attends to what.
        places: for each prediction, the place in [N] that makes it, ascending, [P].
        targets: the ids to predict, [P]; no two predictions share place and id.
        weights: how much each counts, [P] in float32: the sum over the rows that share it.
        weight: their sum.
        tokens: tokens of the rows, each row counted in full.
        predictions: targets of the rows, each row counted in full.
        sources: where the rows stand.
        lengths: for each unique token, the tokens of its row, [N]; None where rows share tokens.
    """

    ids: Tensor
    scope: ForestScope
    places: Tensor
    targets: Tensor
    weights: Tensor
    weight: float
    tokens: int
    predictions: int
    sources: tuple[str, ...]
    lengths: Tensor | None = None


def collate(
    rows: Sequence[EncodedRow], device: str = "cpu", *, share: bool = True, causal: bool = True
) -> Batch:
    """Put rows into one batch; what they begin with together is computed once.

    What stands after a row's last prediction is left out where nothing depends on it.

    Args:
        rows: in any order.
        device: where the batch goes.
        share: False keeps each row's tokens its own, for noise that is drawn for each row.
        causal: False lets tokens see what follows them; goes with `share=False`.
    """
    seen = [row.ids[: row.targets[-1]] if causal else row.ids for row in rows]
    forest = plant(seen, share=share)
    lengths = None
    if not share:
        lengths = torch.empty(len(forest.ids), device=device)
        for i, row in enumerate(rows):
            lengths[torch.from_numpy(forest.places(i)).to(device)] = float(row.length)
    places = np.concatenate([forest.places(i)[row.targets - 1] for i, row in enumerate(rows)])
    labels = np.concatenate([row.labels for row in rows])
    weights = np.concatenate([row.weights for row in rows])
    pairs, first, owner = np.unique(
        np.stack([places, labels]), axis=1, return_index=True, return_inverse=True
    )
    summed = np.bincount(owner.ravel(), weights=weights, minlength=len(first)).astype(np.float32)
    return Batch(
        ids=torch.from_numpy(forest.ids)[None].to(device),
        scope=ForestScope(forest, causal=causal),
        places=torch.from_numpy(pairs[0]).to(device),
        targets=torch.from_numpy(pairs[1]).to(device),
        weights=torch.from_numpy(summed).to(device),
        weight=float(weights.sum(dtype=np.float64)),
        tokens=sum(len(row.ids) for row in rows),
        predictions=len(labels),
        sources=tuple(row.source for row in rows),
        lengths=lengths,
    )


def generator(*seeds: int) -> np.random.Generator:
    """Return random numbers that depend on the seeds alone."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seeds)))


def epoch_windows(lengths: Sequence[int], window: int, seed: int, epoch: int) -> list[Ints]:
    """Divide the rows into the windows of an epoch's steps, each row once.

    Rows are shuffled, sorted by length within pools of `POOL` windows, cut into windows, and the
    windows are shuffled. A window depends on how many rows make a step, not on how they are parted
    into batches, so accumulation changes nothing. The last window of the last pool may be short.

    Args:
        lengths: tokens of each row.
        window: rows to a step.
        seed: of the run.
        epoch: counted from 0.
    """
    # sorting by drawn numbers: only the raw stream is stable between versions of numpy
    draws = generator(seed, epoch)
    order = np.argsort(draws.random(len(lengths)), kind="stable")
    sizes = np.asarray(lengths)
    windows: list[Ints] = []
    for start in range(0, len(order), window * POOL):
        pool = order[start : start + window * POOL]
        pool = pool[np.argsort(sizes[pool], kind="stable")]
        # the short window, if any, takes the shortest rows
        short = len(pool) % window
        cuts = range(short, len(pool), window)
        windows += [part for part in np.split(pool, cuts) if len(part)]
    return [windows[i] for i in np.argsort(draws.random(len(windows)), kind="stable")]


def window_parts(
    examples: Sequence[E], batch_rows: int, batch_tokens: int, enough: float = math.inf
) -> Iterator[list[E]]:
    """Part one step's examples into those of its batches; what begins alike stays together.

    Args:
        examples: of the step, at least one.
        batch_rows: most examples of a batch.
        batch_tokens: most unique tokens of a batch; a longer example is a batch of its own.
        enough: unique tokens that a batch should have; it ends there, in equal parts of the whole,
            where less than a thirtieth of them would be computed again for the next.
    """
    ordered = sorted(examples, key=lambda example: example.sequences[0].astype(">u4").tobytes())
    own = [e.length - sum(map(common_prefix, e.sequences, e.sequences[1:])) for e in ordered]
    shared = [0, *(common_prefix(a.sequences[0], b.sequences[0]) for a, b in pairwise(ordered))]
    whole = sum(own) - sum(shared)
    equal = whole / max(1, round(whole / enough))
    part: list[E] = []
    tokens, past, goal = 0, 0, equal
    for example, alone, again in zip(ordered, own, shared, strict=True):
        new = alone - again
        full = len(part) == batch_rows or tokens + new > batch_tokens
        if part and (full or (past + new / 2 > goal and again <= equal * SHARED_AT_CUT)):
            yield part
            goal = past + equal if full else equal * (round(past / equal) + 1)
            part, tokens = [], again
        part.append(example)
        tokens, past = tokens + new, past + new
    yield part
