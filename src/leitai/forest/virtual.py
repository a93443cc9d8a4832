"""Keys and values that stand before every sequence, whatever its tokens are."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class VirtualTokens:
    """An ancestor of everything: n places that every token sees and that see no token.

    Attributes:
        keys: for each layer, [1, H_kv, n, D], as they meet the rotated queries.
        values: the same for values.
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]

    @property
    def count(self) -> int:
        """How many virtual tokens there are, n."""
        return self.keys[0].shape[2]

    def layer(self, layer: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return a layer's keys and values in the number format of the queries."""
        return self.keys[layer].to(dtype), self.values[layer].to(dtype)

    def before(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values [B, H_kv, S, D] with the virtual ones before them, n + S."""
        rows = len(k)
        keys, values = (x.expand(rows, -1, -1, -1) for x in self.layer(layer, k.dtype))
        return torch.cat([keys, k], dim=2), torch.cat([values, v], dim=2)

    def visible(self, mask: Tensor) -> Tensor:
        """Widen a mask [..., T, S], true where a query sees a key, to [..., T, n + S]."""
        return torch.cat([mask.new_ones(*mask.shape[:-1], self.count), mask], dim=-1)
