"""Attention over blocks against one masked product per sequence."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from leitai.inference.kv_pool import BLOCK_TOKENS, KeyValuePool, blocks_for
from leitai.inference.paged_attention import PagedScope, Part
from leitai.inference.partial_attention import attention_and_lse, composed
from leitai.models import scratch_config

CONFIG = scratch_config("qwen3-nano", 100)
HEADS, KEY_HEADS, SIZE = 4, 2, 32


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_token_sees_its_own_sequence_and_nothing_else(data):
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    dtype, allowed = data.draw(st.sampled_from([(torch.float32, 1e-5), (torch.bfloat16, 2e-2)]))
    pool = KeyValuePool(CONFIG, 200, dtype=dtype, device=torch.device("cpu"))
    for store in (pool.keys[0], pool.values[0]):
        store[:-1].normal_(generator=generator)
    trunk = [pool.take() for _ in range(12)]
    parts = []
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, 200))
        steps = data.draw(st.sampled_from([1, 1, 1, 2, 5, 17, 18, 40]))
        shared = data.draw(st.integers(0, min(12, start // BLOCK_TOKENS)))
        own = blocks_for(start + steps) - shared
        parts.append(Part(trunk[:shared] + [pool.take() for _ in range(own)], start, steps))
    total = sum(part.steps for part in parts)
    q, k, v = (
        torch.randn(1, heads, total, SIZE, generator=generator).to(dtype)
        for heads in (HEADS, KEY_HEADS, KEY_HEADS)
    )
    scope = PagedScope(pool, parts, HEADS // KEY_HEADS)
    positions = scope.begin(total, torch.device("cpu"))[0].tolist()
    out = scope.attend(0, q, k, v)
    first = 0
    for part in parts:
        stop, end = first + part.steps, part.start + part.steps
        assert positions[first:stop] == list(range(part.start, end))
        keys, values = (
            store[0][list(part.table)].flatten(0, 1)[:end].transpose(0, 1)[None]
            for store in (pool.keys, pool.values)
        )
        torch.testing.assert_close(keys[:, :, part.start :], k[:, :, first:stop])
        mask = torch.arange(end) <= torch.arange(part.start, end)[:, None]
        expected = scaled_dot_product_attention(
            *(x.double() for x in (q[:, :, first:stop], keys, values)),
            attn_mask=mask,
            enable_gqa=True,
        )
        assert out.dtype == dtype
        torch.testing.assert_close(out[:, :, first:stop].double(), expected, rtol=0, atol=allowed)
        first = stop


def test_other_devices_compute_the_same():
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(2, 4, 5, 8, generator=generator)
    k, v = (torch.randn(2, 2, 5, 8, generator=generator) for _ in range(2))
    for mask, causal in ((None, False), (None, True), (torch.randn(2, 1, 5, 5), False)):
        ours = attention_and_lse(q, k, v, mask, causal=causal)
        theirs = composed(q, k, v, mask, causal)
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
