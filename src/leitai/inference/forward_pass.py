"""One pass of the engine through the decoder: captured and replayed, or planned anew."""

from collections.abc import Sequence

import torch
from torch import Tensor

from leitai.adapters import Adapters
from leitai.inference.decode_graphs import DecodeGraphs
from leitai.inference.kv_pool import KeyValuePool
from leitai.inference.paged_attention import PagedScope, Part
from leitai.models import Decoder

# Devices on which steps of writing are captured and replayed.
GRAPHED: tuple[str, ...] = ("cuda",)

Routes = Sequence[tuple[str | None, int]]


class ForwardPass:
    """The way of packed tokens through a decoder whose sequences are in a pool."""

    def __init__(self, decoder: Decoder, pool: KeyValuePool, adapters: Adapters) -> None:
        """Make it for weights that stay what they are.

        Args:
            decoder: in evaluation mode.
            pool: where keys and values are.
            adapters: those on the decoder.
        """
        self._decoder, self._pool, self._adapters = decoder, pool, adapters
        config = decoder.config
        self._group = config.num_attention_heads // config.num_key_value_heads
        graphed = decoder.device.type in GRAPHED
        self._graphs = DecodeGraphs(decoder, pool) if graphed else None

    def logits(
        self, ids: Sequence[int], parts: Sequence[Part], places: Sequence[int], routes: Routes
    ) -> Tensor:
        """Run a pass.

        Args:
            ids: new tokens of all sequences, one after the other, [N].
            parts: the sequences.
            places: of [N], where logits are wanted, ascending.
            routes: (adapter, tokens) along [N].

        Returns:
            The logits there, [n, V]; the next pass may write over them.
        """
        device = self._decoder.device
        routed = any(adapter is not None for adapter, _ in routes)
        at = torch.tensor(places, dtype=torch.int64, device=device)
        if self._graphs is not None and not routed and self._graphs.takes(parts):
            logits = self._graphs.logits(parts, ids)
            if logits is not None:
                return logits if len(places) == len(ids) else logits[at]
        with self._adapters.route(routes):
            hidden = self._decoder(
                torch.tensor([ids], device=device),
                scope=PagedScope(self._pool, parts, self._group),
                places=None if routed else at,  # routes count all tokens of the pass
            )[0]
        return self._decoder.logits(hidden[at] if routed else hidden)
