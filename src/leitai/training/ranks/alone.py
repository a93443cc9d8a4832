"""What the loop asks of the processes that train together, and the answers of one alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

from leitai.models import Decoder
from leitai.training.batches import Example

B = TypeVar("B")
E = TypeVar("E", bound=Example)


class Ranks:
    """One process; `group.Group` overrides what differs between several.

    Attributes:
        index: which process this is.
        count: how many there are.
        divided: whether each holds a part of the weights; else each has all of them.
    """

    index = 0
    count = 1
    divided = False

    @property
    def first(self) -> bool:
        """Whether this process writes files and shows things."""
        return self.index == 0

    def wait(self) -> None:
        """Wait until all processes are here."""

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Let the first process run the block before the others do."""
        yield

    def total(self, *values: float) -> list[float]:
        """Return the sums over all processes, the same on each."""
        return list(values)

    def agree(self, *flags: bool) -> list[bool]:
        """Return for each flag whether any process has raised it."""
        return list(flags)

    def given(self, number: int) -> int:
        """Return the first process's number."""
        return number

    def part(self, decoder: Decoder, examples: Sequence[E]) -> Sequence[E]:
        """Return those of a step's examples that are this process's."""
        return examples

    def others(self, rows: Tensor) -> Tensor:
        """Return what the other processes have where this one has `rows`, one below the other.

        Args:
            rows: [N, D]; N may differ between processes, and may be 0.
        """
        return rows[:0]

    def even(self, batches: Sequence[B], filler: Callable[[], B]) -> Iterator[tuple[B, bool]]:
        """Yield as many batches on every process, and whether they count: all take part together.

        Args:
            batches: this process's.
            filler: makes a small batch to run without counting it.
        """
        for batch in batches:
            yield batch, True

    def shard(self, decoder: Decoder, dtype: torch.dtype | None) -> None:
        """Divide a decoder's weights over the processes, if there are several.

        Args:
            decoder: prepared by `apply_method`.
            dtype: to compute in, where it is not that of the weights.
        """

    def add_gradients(self, parameters: Mapping[str, nn.Parameter]) -> None:
        """Add up the gradients of all processes, where dividing the weights has not done so."""

    def settle(self, decoder: Decoder) -> None:
        """Give back what a pass without gradients has gathered."""

    def whole(self, tensor: Tensor) -> Tensor:
        """Return a tensor that all processes hold a part of, whole."""
        return tensor

    def own(self, tensor: Tensor) -> Tensor | None:
        """Return what this process writes of a tensor; None if another writes it."""
        return tensor

    def like(self, parameter: nn.Parameter, tensor: Tensor) -> Tensor:
        """Return a whole tensor as the parameter is kept: on its device, and divided as it is."""
        return tensor.to(parameter.device, copy=True)

    def texts(self, text: str) -> str:
        """Return the texts of all processes, a line or more each."""
        return text

    def likes(
        self, parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the named tensors as their parameters are kept."""
        return {name: self.like(p, tensors[name]) for name, p in parameters.items()}
