"""Attention over a prefix forest, exact forwards and backwards.

The steps of a plan are merged by their log-sum-exp. With s_i the softmax denominators' logarithms
of partial results o_i, the whole is o = sum_i exp(s_i - s) o_i with s = log(sum_i exp(s_i)), since
each o_i is already divided by exp(s_i) (Dao et al., arXiv 2205.14135, section 3.1). A flash
kernel's backward recomputes the probabilities as exp(score - s), so called with the *merged* output
and s it gives exactly the step's share of the gradients.
"""

from typing import Any

import torch
from torch import Tensor

from leitai.forest.accelerator import block_mask, compiled_flex, compiles, masked_attention
from leitai.forest.forest import Forest
from leitai.forest.plan import AttentionPlan, plan_attention
from leitai.forest.virtual import VirtualTokens

Masks = list[Tensor | None]

# In bfloat16 the kernel's backward takes longer than in float32 where sequences are this short.
_SHORT = 512

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


class ForestScope:
    """The attention of one pass of a decoder over a packed forest.

    Attributes:
        plan: what attends to what.
    """

    def __init__(self, forest: Forest, *, causal: bool = True) -> None:
        """Arrange the attention; see `plan_attention`.

        Raises:
            ValueError: not causal, and the forest shares prefixes.
        """
        self.plan = plan_attention(forest, causal=causal)
        self._positions = torch.from_numpy(forest.positions)[None]
        self._virtual: VirtualTokens | None = None
        self._prepared: Any = None  # masks in the form that the device's kernel wants
        self._prepared_for = 0  # virtual tokens

    def begin(
        self, steps: int, device: torch.device, virtual: VirtualTokens | None = None
    ) -> Tensor:
        """Return the positions in the sequences, [1, N]."""
        if steps != self.plan.tokens:
            raise ValueError(f"the forest has {self.plan.tokens} tokens, not {steps}")
        self._virtual = virtual
        count = virtual.count if virtual is not None else 0
        if count != self._prepared_for:
            self._prepared, self._prepared_for = None, count
        return self._positions.to(device)

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend along every sequence at once.

        Args:
            layer: counted from 0.
            q: [1, H, N, D], rotated.
            k: [1, H_kv, N, D], rotated; each of its heads serves H / H_kv query heads.
            v: [1, H_kv, N, D].

        Returns:
            [1, H, N, D].
        """
        if q.device.type == "cpu":
            if self._prepared is None:
                self._prepared = additive_masks(self.plan, q.dtype)
            before = self._virtual.layer(layer, q.dtype) if self._virtual else (None, None)
            merged: Tensor = _MergedFlash.apply(q, k, v, *before, self.plan, self._prepared)  # type: ignore[no-untyped-call]
            return merged
        if q.device.type == "cuda" and compiles() and self._virtual is None:
            grouped = q.shape[1] != k.shape[1]
            if self._prepared is None:
                self._prepared = block_mask(self.plan, q.device)
            found: Tensor = compiled_flex()(q, k, v, block_mask=self._prepared, enable_gqa=grouped)
            return found
        if self._prepared is None:
            mask = self.plan.dense_mask()
            self._prepared = (self._virtual.visible(mask) if self._virtual else mask).to(q.device)
        if self._virtual is not None:
            k, v = self._virtual.before(layer, k, v)
        return masked_attention(q, k, v, self._prepared)

    def finish(self, steps: int) -> None:
        """Nothing is kept of a pass."""


def merged_flash(
    q: Tensor, k: Tensor, v: Tensor, plan: AttentionPlan, masks: Masks
) -> tuple[Tensor, Tensor]:
    """Run a plan's steps on the CPU's flash kernel, without gradient.

    Args:
        q: [1, H, N, D].
        k: [1, H_kv, N, D].
        v: [1, H_kv, N, D].
        plan: what attends to what.
        masks: `additive_masks` of the plan.

    Returns:
        The output [1, H, N, D] and the logarithm of its softmax denominators, [1, H, N].
    """
    rows, heads, tokens, size = q.shape
    # The layout of the linear layers around it: [B, N, H, D] in memory.
    out = q.new_empty(rows, tokens, heads, size).transpose(1, 2)
    lse_type = torch.float64 if q.dtype == torch.float64 else torch.float32
    lse = q.new_empty(rows, tokens, heads, dtype=lse_type).transpose(1, 2)
    for step, mask in zip(plan.selves, masks, strict=True):
        own = slice(step.start, step.stop)
        causal = mask is None and plan.causal
        out[:, :, own], lse[:, :, own] = _flash(
            q[:, :, own], k[:, :, own], v[:, :, own], 0.0, causal, attn_mask=mask
        )
    for cross in plan.crosses:
        keys, queries = slice(cross.start, cross.stop), slice(cross.stop, cross.end)
        attend_across(
            q[:, :, queries], k[:, :, keys], v[:, :, keys], out[:, :, queries], lse[:, :, queries]
        )
    return out, lse


class _MergedFlash(torch.autograd.Function):
    """The CPU's flash kernel, step by step, and over the virtual tokens if there are any."""

    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        virtual_k: Tensor | None,
        virtual_v: Tensor | None,
        plan: AttentionPlan,
        masks: Masks,
    ) -> Tensor:
        out, lse = merged_flash(q, k, v, plan, masks)
        if virtual_k is not None and virtual_v is not None:
            attend_across(q, virtual_k, virtual_v, out, lse)
        ctx.save_for_backward(q, k, v, virtual_k, virtual_v, out, lse)
        ctx.plan, ctx.masks = plan, masks
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, virtual_k, virtual_v, out, lse = ctx.saved_tensors
        (grad,) = gradients
        plan: AttentionPlan = ctx.plan
        dtype, masks = q.dtype, ctx.masks
        if dtype == torch.bfloat16 and all(s.stop - s.start <= _SHORT for s in plan.selves):
            grad, q, k, v, out = (x.float() for x in (grad, q, k, v, out))
            masks = [None if mask is None else mask.float() for mask in masks]
        dq, dk, dv = (torch.empty_like(x, memory_format=torch.preserve_format) for x in (q, k, v))
        for step, mask in zip(plan.selves, masks, strict=True):
            own = slice(step.start, step.stop)
            causal = mask is None and plan.causal
            parts = [x[:, :, own] for x in (grad, q, k, v, out, lse)]
            dq[:, :, own], dk[:, :, own], dv[:, :, own] = _flash_backward(
                *parts, 0.0, causal, attn_mask=mask
            )
        for cross in plan.crosses:
            keys, queries = slice(cross.start, cross.stop), slice(cross.stop, cross.end)
            into_q, into_k, into_v = _flash_backward(
                grad[:, :, queries],
                q[:, :, queries],
                k[:, :, keys],
                v[:, :, keys],
                out[:, :, queries],
                lse[:, :, queries],
                0.0,
                False,
            )
            dq[:, :, queries] += into_q
            dk[:, :, keys] += into_k
            dv[:, :, keys] += into_v
        virtual_dk = virtual_dv = None
        if virtual_k is not None:
            into_q, virtual_dk, virtual_dv = _flash_backward(
                grad, q, virtual_k.to(q.dtype), virtual_v.to(q.dtype), out, lse, 0.0, False
            )
            dq += into_q
        into = (None if x is None else x.to(dtype) for x in (dq, dk, dv, virtual_dk, virtual_dv))
        return *into, None, None


def additive_masks(plan: AttentionPlan, dtype: torch.dtype) -> Masks:
    """Return the masks of the self steps as the kernel adds them to the scores: 0 or -inf."""
    return [
        None
        if step.mask is None
        else torch.zeros(step.mask.shape, dtype=dtype).masked_fill_(~step.mask, float("-inf"))
        for step in plan.selves
    ]


def attend_across(q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor) -> None:
    """Let queries look at further keys, all at all, and merge that into `out` and `lse`, in place.

    Args:
        q: [1, H, L, D].
        k: [1, H_kv, S, D].
        v: [1, H_kv, S, D].
        out: what the queries have seen so far, [1, H, L, D].
        lse: [1, H, L].
    """
    merge_parts(out, lse, *_flash(q, k, v, 0.0, False))


def merge_weights(lse: Tensor, other_lse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the common log-sum-exp [...] of two parts, and the weight of each part [..., 1]."""
    both = torch.logaddexp(lse, other_lse)
    return both, (lse - both).exp_()[..., None], (other_lse - both).exp_()[..., None]


def merge_parts(out: Tensor, lse: Tensor, other: Tensor, other_lse: Tensor) -> None:
    """Merge another part of the keys into `out` [B, H, L, D] and `lse` [B, H, L], in place."""
    both, mine, theirs = merge_weights(lse, other_lse)
    out.copy_(out * mine + other * theirs)
    lse.copy_(both)
