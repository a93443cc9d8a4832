"""Sequences of different lengths in right-padded batches."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

Item = TypeVar("Item")


def by_length(
    items: Sequence[Item],
    length: Callable[[Item], int],
    budget: int,
) -> Iterator[list[Item]]:
    """Group items of similar lengths.

    Args:
        items: what to group.
        length: an item's tokens.
        budget: tokens in a group, padding included; an item longer than that is a group of its own.

    Yields:
        Groups by growing length; equal lengths keep their order.
    """
    batch: list[Item] = []
    for item in sorted(items, key=length):
        if batch and (len(batch) + 1) * length(item) > budget:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def pad(rows: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Return the rows as one tensor [B, T], filled up on the right.

    The filler is id 0: with causal attention, what stands after a row's end changes nothing in it.
    """
    width = max(map(len, rows))
    filled = [[*row, *[0] * (width - len(row))] for row in rows]
    return torch.tensor(filled, dtype=torch.int64, device=device)
