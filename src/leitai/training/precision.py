"""Mixed precision: float32 weights are trained, products run on copies in half precision.

Micikevicius et al., arXiv 1710.03740. The decoder's parameters stay float32, so the optimiser, the
checkpoints and the model on disk know nothing of it. Bfloat16 has the range of float32, so the loss
needs no scaling.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from leitai.models import Decoder


class WorkingCopies:
    """Copies of a decoder's weights to compute with, made anew for each step.

    A copy hangs on its parameter in the graph: its gradient, added up over a step's batches, comes
    to rest in float32. The embedding has none: a lookup is no product, and the gradients of a
    frequent token's many places would be added up in the copy's format.
    """

    def __init__(self, decoder: Decoder, dtype: torch.dtype) -> None:
        """Prepare.

        Args:
            decoder: with float32 parameters.
            dtype: to compute in; with float32 there is nothing to copy.
        """
        self._dtype = dtype
        embedding = decoder.model.embed_tokens
        self._places = [
            (module, name)
            for module in decoder.modules()
            if module is not embedding
            for name, parameter in module._parameters.items()
            if parameter is not None and parameter.dtype != dtype
        ]
        # what is frozen is copied once
        self._lasting: dict[int, Tensor] = {}

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Let the decoder compute with the copies, forwards and backwards."""
        masters = [module._parameters[name] for module, name in self._places]
        try:
            for (module, name), master in zip(self._places, masters, strict=True):
                assert master is not None
                # nn.Module takes no plain tensor for a parameter by setattr
                module._parameters[name] = self._copy(master)  # type: ignore[assignment]
            yield
        finally:
            for (module, name), master in zip(self._places, masters, strict=True):
                module._parameters[name] = master

    def _copy(self, master: Tensor) -> Tensor:
        if master.requires_grad:
            return master.to(self._dtype)
        if id(master) not in self._lasting:
            self._lasting[id(master)] = master.to(self._dtype)
        return self._lasting[id(master)]
