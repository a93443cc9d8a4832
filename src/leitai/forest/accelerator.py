"""Attention over a prefix forest on accelerators: FlexAttention, or a mask of all pairs."""

from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from leitai.forest.forest import Ints
from leitai.forest.plan import AttentionPlan

Bools = NDArray[np.bool_]

FLEX_BLOCK = 128
"""Tokens of a block of FlexAttention's masks, its default."""


def block_mask(plan: AttentionPlan, device: torch.device) -> Any:
    """State a plan as FlexAttention's block mask (Dong et al., arXiv 2412.05496).

    Which blocks of queries see which blocks of keys follows from the least and greatest end in each
    block, so the mask of all pairs is never made, and the device is not waited for.
    """
    from torch.nn.attention.flex_attention import BlockMask

    partial, full = _seen_blocks(plan.ends.numpy(), plan.causal)
    return BlockMask.from_kv_blocks(
        *_listed(partial, device),
        *_listed(full, device),
        BLOCK_SIZE=FLEX_BLOCK,
        mask_mod=(_causal_rule if plan.causal else _whole_rule)(plan.ends.to(device)),
        seq_lengths=(plan.tokens, plan.tokens),
    )


def _causal_rule(ends: Tensor) -> Any:
    # Beside tensors the rule closes over nothing: a compiled kernel serves all plans.
    def sees(_batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (key <= query) & (query < ends[key])

    return sees


def _whole_rule(ends: Tensor) -> Any:
    def sees(_batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return ends[query] == ends[key]

    return sees


def _seen_blocks(ends: Ints, causal: bool) -> tuple[Bools, Bools]:
    """Say which blocks of queries see some keys of a block, and which see all: [n, n] each.

    A pair that is in the second is not in the first. A last block that is not full counts as seen
    in part, as the kernel's own mask of all pairs would have it.
    """
    blocks = -(-len(ends) // FLEX_BLOCK)
    starts = np.arange(blocks) * FLEX_BLOCK
    low, high = np.minimum.reduceat(ends, starts), np.maximum.reduceat(ends, starts)
    whole = starts + FLEX_BLOCK <= len(ends)
    before, same = (op(starts[None, :], starts[:, None]) for op in (np.less, np.equal))
    if causal:
        some = same | (before & (high[None, :] > starts[:, None]))
        every = before & (low[None, :] >= starts[:, None] + FLEX_BLOCK)
    else:
        some = (low[None, :] <= high[:, None]) & (low[:, None] <= high[None, :])
        alone = (low == high) & whole
        every = some & alone[None, :] & alone[:, None]
    return some & ~every, every


def _listed(seen: Bools, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return how many blocks each row has, [1, 1, n], and which, the others after, [1, 1, n, n]."""
    counts = seen.sum(axis=1, dtype=np.int32)
    order = np.argsort(~seen, axis=1, kind="stable").astype(np.int32)
    return tuple(torch.from_numpy(part)[None, None].to(device) for part in (counts, order))  # type: ignore[return-value]


@cache
def compiled_flex() -> Any:
    """Compile FlexAttention once; it is fast only when compiled."""
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=True)


@cache
def compiles() -> bool:
    """Whether there is a compiler for accelerators."""
    return find_spec("triton") is not None


def masked_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Attend under a mask on an accelerator.

    Key heads are repeated: with groups and a mask no fused kernel takes the call, and the scores of
    all heads would be written out.

    Args:
        q: [1, H, N, D].
        k: [1, H_kv, S, D].
        v: [1, H_kv, S, D].
        mask: true where a query sees a key, [N, S].
    """
    group = q.shape[1] // k.shape[1]
    k, v = (x.repeat_interleave(group, dim=1) for x in (k, v))
    return scaled_dot_product_attention(q, k, v, attn_mask=mask)
