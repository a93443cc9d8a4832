"""What a token may look at during one pass of the decoder."""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from leitai.kernels.attention import attend_once, attends_once


class AttentionScope(Protocol):
    """Which keys each query sees: a plain batch, rows with a cache, branches, a prefix forest.

    The decoder calls `begin` once, `attend` once a layer, and `finish` once.
    """

    def begin(self, steps: int, device: torch.device) -> Tensor:
        """Prepare for T = `steps` new tokens a row; return their rotary positions, [B or 1, T]."""

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend.

        Args:
            layer: counted from 0.
            q: queries, [B, H, T, D], rotated.
            k: the new tokens' keys, [B, H_kv, T, D], rotated.
            v: their values, [B, H_kv, T, D].

        Returns:
            [B, H, T, D].
        """

    def finish(self, steps: int) -> None:
        """Count the new tokens."""


class Causal:
    """Each row on its own, from its start: a token sees itself and what is before it."""

    def begin(self, steps: int, device: torch.device) -> Tensor:
        """See `AttentionScope.begin`."""
        return torch.arange(steps, device=device)[None]

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `AttentionScope.attend`."""
        return attention(q, k, v, None)

    def finish(self, steps: int) -> None:
        """See `AttentionScope.finish`."""


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Grouped-query attention in one call.

    Args:
        q: [B, H, T, D].
        k: [B, H_kv, S, D].
        v: [B, H_kv, S, D].
        mask: true where a query may look at a key, [B or 1, 1, T, S]; None for causality alone (a
            single query then sees all keys).
    """
    if mask is None and attends_once(q, k, v):
        return attend_once(q, k, v)
    # With the group size stated, the kernel reads each key once; expanding keys first was 5 to
    # 15 % slower, forward and backward, on the CPU kernel.
    return scaled_dot_product_attention(
        q,
        k,
        v,
        attn_mask=mask,
        is_causal=mask is None and q.shape[2] > 1,
        enable_gqa=q.shape[1] != k.shape[1],
    )
