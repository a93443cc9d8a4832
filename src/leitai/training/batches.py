"""Rows as token ids, in an order that the seed and the epoch alone decide."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

POOL = 50  # windows that are sorted by length together: little padding, and still a random order

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


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


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded rows and what to predict from them.

    Attributes:
        ids: [B, T].
        places: for each target, the flat index into [B * T] of the position that predicts it.
        targets: the ids to predict, [N].
        weights: [N] in float32, or None when all are 1.
        weight: their sum.
        tokens: tokens of the rows, padding left out.
        sources: where the rows stand.
    """

    ids: Tensor
    places: Tensor
    targets: Tensor
    weights: Tensor | None
    weight: float
    tokens: int
    sources: tuple[str, ...]


def collate(rows: Sequence[EncodedRow], pad_id: int, device: str = "cpu") -> Batch:
    """Put rows into one batch. Padding is never a target and, being on the right, never seen."""
    width = max(len(row.ids) for row in rows)
    ids = np.full((len(rows), width), pad_id, dtype=np.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row.ids)] = row.ids
    places = np.concatenate([row.targets + (i * width - 1) for i, row in enumerate(rows)])
    weights = np.concatenate([row.weights for row in rows])
    plain = bool((weights == 1.0).all())
    return Batch(
        ids=torch.from_numpy(ids).to(device),
        places=torch.from_numpy(places).to(device),
        targets=torch.from_numpy(np.concatenate([row.labels for row in rows])).to(device),
        weights=None if plain else torch.from_numpy(weights).to(device),
        weight=float(weights.sum(dtype=np.float64)),
        tokens=sum(len(row.ids) for row in rows),
        sources=tuple(row.source for row in rows),
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


def window_batches(
    rows: Sequence[EncodedRow], batch_rows: int, pad_id: int, device: str = "cpu"
) -> Iterator[Batch]:
    """Yield the batches of one step's rows."""
    for start in range(0, len(rows), batch_rows):
        yield collate(rows[start : start + batch_rows], pad_id, device)
