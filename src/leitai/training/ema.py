"""An exponential moving average of the trained weights (Polyak and Juditsky, 1992)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Parameters = Mapping[str, nn.Parameter]


class Average:
    """The average of a run's weights, which is what is validated and kept.

    After step t it is d a + (1 - d) w with d = min(decay, (1 + t) / (10 + t)), so that a short run
    is not held back by its start.

    Attributes:
        decay: how much of the average a step keeps in the long run.
        tensors: the average by parameter name.
    """

    def __init__(self, decay: float, parameters: Parameters) -> None:
        """Start from the weights as they are."""
        self.decay = decay
        self.tensors = {name: p.detach().clone() for name, p in parameters.items()}

    @torch.no_grad()
    def update(self, parameters: Parameters, step: int) -> None:
        """Take in the weights after `step` updates."""
        kept = min(self.decay, (1 + step) / (10 + step))
        for name, parameter in parameters.items():
            self.tensors[name].lerp_(parameter, 1 - kept)

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back the average that a checkpoint holds."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])

    @torch.no_grad()
    def exchange(self, parameters: Parameters) -> None:
        """Swap the weights with the average, bit by bit; a second call swaps them back."""
        for name, parameter in parameters.items():
            weights = parameter.detach().clone()
            parameter.copy_(self.tensors[name])
            self.tensors[name].copy_(weights)


@contextmanager
def averaged(average: Average | None, parameters: Parameters) -> Iterator[None]:
    """Let the block see the average instead of the newest weights, where there is one."""
    if average is None:
        yield
        return
    average.exchange(parameters)
    try:
        yield
    finally:
        average.exchange(parameters)
