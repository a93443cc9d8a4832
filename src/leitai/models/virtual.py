"""Virtual tokens that every row of a decoder begins with: where they come from."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from leitai.forest import VirtualTokens
from leitai.models.scope import Causal

if TYPE_CHECKING:
    from leitai.models.decoder import Decoder


class Prefix(nn.Module):
    """Makes virtual tokens; a decoder that has one begins every row with them.

    They look at nothing but themselves, so they are computed once a pass, whatever the rows are,
    and in a frozen decoder once for as long as no weight changes.

    Attributes:
        count: how many there are, n.
    """

    count: int

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self._kept: tuple[object, VirtualTokens] | None = None

    def compute(self, decoder: "Decoder") -> VirtualTokens:
        """Compute the keys and values, n in each layer."""
        raise NotImplementedError

    def tokens(self, decoder: "Decoder") -> VirtualTokens:
        """Return the keys and values, computed anew if they must be."""
        # Copies to compute with are made anew each step, and may come to lie where older ones lay.
        trained = any(parameter.requires_grad for parameter in decoder.parameters())
        if trained or torch.is_grad_enabled():
            return self.compute(decoder)
        version = weights_version(decoder)
        if self._kept is None or self._kept[0] != version:
            self._kept = version, self.compute(decoder)
        return self._kept[1]


class Recorder(Causal):
    """Plain causal rows, whose keys and values are kept."""

    def __init__(self) -> None:
        """Begin with none."""
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `AttentionScope.attend`."""
        self._keys.append(k)
        self._values.append(v)
        return super().attend(layer, q, k, v)

    def recorded(self) -> VirtualTokens:
        """Return what one pass over one row has left."""
        return VirtualTokens(tuple(self._keys), tuple(self._values))


def record(decoder: "Decoder", embeddings: Tensor) -> VirtualTokens:
    """Run embeddings [n, hidden] as the first tokens of a row, and return their keys and values."""
    recorder = Recorder()
    decoder.run(embeddings[None], recorder, None)
    return recorder.recorded()


def weights_version(decoder: nn.Module) -> object:
    """Return something that changes when the weights do: old keys and values are then worthless."""
    tensors = (*decoder.parameters(), *decoder.buffers())
    return [(t.data_ptr(), t.dtype, 0 if t.is_inference() else t._version) for t in tensors]
