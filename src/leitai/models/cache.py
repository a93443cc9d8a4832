"""Keys and values of tokens that have already been through the decoder."""

import torch
from torch import Tensor

from leitai.forest import VirtualTokens
from leitai.models.config import ModelConfig
from leitai.models.scope import attention


class KeyValueCache:
    """Keys and values of a batch of rows, each row with its own length.

    Slot s of a row holds the token at position s. After a right-padded batch `set_lengths` states
    the true lengths; the padding's slots are then overwritten by what comes next and never seen.
    For use without gradients: it writes in place.
    """

    def __init__(
        self,
        config: ModelConfig,
        rows: int,
        *,
        capacity: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        """Make an empty cache.

        Args:
            config: the decoder's architecture.
            rows: how many rows the batches have.
            capacity: slots a row to reserve; more are made when needed.
            device: where the decoder is.
        """
        self.rows = rows
        self.capacity = capacity
        self.lengths = torch.zeros(rows, dtype=torch.int64, device=device)
        self._keys: list[Tensor | None] = [None] * config.num_hidden_layers
        self._values: list[Tensor | None] = [None] * config.num_hidden_layers
        # The same as `lengths`, known without asking the device.
        self._longest = 0
        self._even = True
        self._end = 0
        self._mask: Tensor | None = None
        self._virtual: VirtualTokens | None = None

    def set_lengths(self, lengths: list[int]) -> None:
        """State how many tokens of each row are real; what is after them is forgotten."""
        self.lengths = torch.tensor(lengths, dtype=torch.int64, device=self.lengths.device)
        self._longest = max(lengths)
        self._even = min(lengths) == self._longest

    def layer(self, layer: int) -> tuple[Tensor, Tensor]:
        """Return a layer's keys and values, [B, H, S, D] with S the longest row's length."""
        keys, values = self._keys[layer], self._values[layer]
        if keys is None or values is None:
            raise IndexError(f"the cache holds nothing for layer {layer}")
        return keys[:, :, : self._longest], values[:, :, : self._longest]

    def begin(
        self, steps: int, device: torch.device, virtual: VirtualTokens | None = None
    ) -> Tensor:
        """Make room; see `AttentionScope.begin`."""
        self._end = self._longest + steps
        if self._end > self.capacity:
            # Twice as much as before, so that a long generation copies each slot only a few times.
            self.capacity = max(self._end, 2 * self.capacity) if self._longest else self._end
        positions = self.lengths[:, None] + torch.arange(steps, device=device)
        self._virtual, self._mask = virtual, None
        after = self._longest or virtual is not None  # not alone, so plain causality will not do
        if after and not (self._even and steps == 1):
            last = positions[:1] if self._even else positions
            slots = torch.arange(self._end, device=device)
            mask = slots <= last[:, :, None]
            self._mask = (mask if virtual is None else virtual.visible(mask))[:, None]
        return positions

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `AttentionScope.attend`."""
        keys, values = self._extend(layer, k, v)
        if self._virtual is not None:
            keys, values = self._virtual.before(layer, keys, values)
        return attention(q, keys, values, self._mask)

    def _extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write the new tokens behind each row's last one; return all keys and values."""
        if self._longest == 0 and self.capacity == self._end:
            self._keys[layer], self._values[layer] = keys, values
            return keys, values
        stored_keys = self._store(self._keys, layer, keys)
        stored_values = self._store(self._values, layer, values)
        if self._longest == 0:
            return keys, values
        return stored_keys[:, :, : self._end], stored_values[:, :, : self._end]

    def _store(self, stores: list[Tensor | None], layer: int, new: Tensor) -> Tensor:
        store = stores[layer]
        rows, heads, steps, size = new.shape
        if store is None or store.shape[2] < self.capacity:
            # Zeros: a slot that is masked out takes part with weight 0, and 0 times NaN is NaN.
            wider = new.new_zeros(rows, heads, self.capacity, size)
            if store is not None:
                wider[:, :, : self._longest] = store[:, :, : self._longest]
            stores[layer] = store = wider
        if self._even:
            store[:, :, self._longest : self._end] = new
        else:
            row = torch.arange(rows, device=new.device)[:, None]
            slot = self.lengths[:, None] + torch.arange(steps, device=new.device)
            store.transpose(1, 2)[row, slot] = new.transpose(1, 2)
        return store

    def finish(self, steps: int) -> None:
        """See `AttentionScope.finish`."""
        self.lengths = self.lengths + steps
        self._longest += steps
