"""Attention over some of the keys, and the merging of such results into that over all of them."""

import torch
from torch import Tensor

from leitai.forest import merge_weights

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu


class Merged:
    """Partial results of attention, merged as they come.

    Attributes:
        out: [H_kv, G, N, D], fp32.
    """

    def __init__(self, q: Tensor, parts: int) -> None:
        """Begin with nothing.

        Args:
            q: the queries, [H_kv, G, N, D].
            parts: how many results will come.
        """
        self._parts = parts
        self.out = torch.zeros(q.shape, dtype=torch.float32, device=q.device)
        self._lse = torch.full(q.shape[:-1], float("-inf"), device=q.device)

    def add(self, tokens: Tensor | slice, out: Tensor, lse: Tensor) -> None:
        """Merge the result [H_kv, G, n, D] of `tokens` over some of their keys."""
        if self._parts == 1:  # nothing to merge it with
            self.out[:, :, tokens] = out.float()
            return
        both, mine, theirs = merge_weights(self._lse[:, :, tokens], lse)
        self.out[:, :, tokens] = self.out[:, :, tokens] * mine + out * theirs
        self._lse[:, :, tokens] = both


def attention_and_lse(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, *, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """Attend, and return how much weight the keys had.

    Args:
        q: [B, H, T, D].
        k: [B, H_kv, S, D]; each of its heads serves H / H_kv consecutive query heads.
        v: [B, H_kv, S, D].
        mask: added to the scores, [B, 1, T, S].
        causal: query t sees the keys up to t.

    Returns:
        The result [B, H, T, D], and the logarithm of each softmax's denominator [B, H, T], fp32.
    """
    if q.device.type == "cpu":
        out, lse = _flash(q, k, v, 0.0, causal, attn_mask=mask)
        return out, lse
    return composed(q, k, v, mask, causal)


def composed(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool
) -> tuple[Tensor, Tensor]:
    """Do what `attention_and_lse` does, on devices without a kernel that takes a mask."""
    group = q.shape[1] // k.shape[1]
    scores = q.float() @ k.repeat_interleave(group, 1).float().mT * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores + mask
    if causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
        scores = scores.masked_fill(later, float("-inf"))
    weights = scores.softmax(dim=-1).to(v.dtype)
    return weights @ v.repeat_interleave(group, 1), scores.logsumexp(dim=-1)
