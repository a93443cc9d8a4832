"""Memory for keys and values, in blocks that sequences share by counting references.

A block holds the keys and values of `block_tokens` consecutive tokens of one sequence, in every
layer (Kwon et al., arXiv 2309.06180). Whoever uses a block holds a reference; the last one to let
go gives it back.
"""

import mmap
from collections.abc import Iterable
from math import prod

import torch
from torch import Tensor

from leitai.models import ModelConfig

BLOCK_TOKENS = 16


def block_bytes(config: ModelConfig, dtype: torch.dtype) -> int:
    """Return the memory of one block in all layers, in bytes."""
    slot = 2 * config.num_key_value_heads * config.head_dim * dtype.itemsize
    return BLOCK_TOKENS * slot * config.num_hidden_layers


def blocks_for(tokens: int) -> int:
    """Return how many blocks hold so many tokens."""
    return -(-tokens // BLOCK_TOKENS)


class KeyValuePool:
    """A fixed number of blocks.

    On a CPU the operating system commits a page when it is first written, and blocks are given out
    again before fresh ones are touched, so resident memory is that of the most blocks ever in use.

    Attributes:
        blocks: how many there are.
        keys: per layer, [blocks + 1, BLOCK_TOKENS, H_kv, D]; the last block stays zero and fills
            up tables of different lengths.
        values: the same for values.
    """

    def __init__(
        self, config: ModelConfig, blocks: int, *, dtype: torch.dtype, device: torch.device
    ) -> None:
        """Reserve the memory.

        Args:
            config: the decoder's architecture.
            blocks: how many blocks, at least 1.
            dtype: the number format of keys and values.
            device: where the decoder is.
        """
        shape = (blocks + 1, BLOCK_TOKENS, config.num_key_value_heads, config.head_dim)
        layers = range(config.num_hidden_layers)
        self.blocks = blocks
        self.keys = [_zeros(shape, dtype, device) for _ in layers]
        self.values = [_zeros(shape, dtype, device) for _ in layers]
        self._references = [0] * blocks
        self._free = list(range(blocks - 1, -1, -1))

    @property
    def free(self) -> int:
        """How many blocks nobody holds."""
        return len(self._free)

    @property
    def filler(self) -> int:
        """The block that is always zero."""
        return self.blocks

    def references(self, block: int) -> int:
        """How many hold a block."""
        return self._references[block]

    def take(self) -> int:
        """Hand out a free block with one reference.

        Raises:
            IndexError: none is free.
        """
        block = self._free.pop()
        self._references[block] = 1
        return block

    def share(self, block: int) -> None:
        """Add a reference to a block in use.

        Raises:
            ValueError: the block is free.
        """
        if not self._references[block]:
            raise ValueError(f"block {block} is free and cannot be shared")
        self._references[block] += 1

    def release(self, blocks: Iterable[int]) -> None:
        """Let go of one reference to each block.

        Raises:
            ValueError: a block is free already.
        """
        for block in blocks:
            if not self._references[block]:
                raise ValueError(f"block {block} is free already")
            self._references[block] -= 1
            if not self._references[block]:
                self._free.append(block)


def _zeros(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return zeros; on a CPU, pages that are not in memory before they are written."""
    if device.type != "cpu":
        return torch.zeros(shape, dtype=dtype, device=device)
    memory = mmap.mmap(-1, prod(shape) * dtype.itemsize)
    return torch.frombuffer(memory, dtype=dtype).view(shape)
