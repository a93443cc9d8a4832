"""Attention at decoding against torch's own in double precision."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from leitai.kernels import library
from leitai.kernels.attention import (
    Blocks,
    attend_blocks,
    attend_once,
    attends_blocks,
    attends_once,
)

pytestmark = pytest.mark.skipif(library() is None, reason="no native kernels on this machine")


def draw(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).bfloat16()


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 9),
    st.integers(1, 70),
    st.sampled_from([2, 8, 24, 64, 128]),
    st.integers(0, 99),
)
def test_decoding_is_attention_over_all_keys(rows, heads, group, length, size, seed):
    q = draw(seed, rows, heads * group, 1, size)
    # Slices of a store with room for more, one of them with heads after slots.
    k = draw(seed + 1, rows, heads, length + 5, size)[:, :, :length]
    v = draw(seed + 2, rows, length, heads, size).transpose(1, 2)
    expected = scaled_dot_product_attention(q.double(), k.double(), v.double(), enable_gqa=True)
    with torch.no_grad():
        assert attends_once(q, k, v)
        got = attend_once(q, k, v)
    assert got.shape == q.shape
    torch.testing.assert_close(got.double(), expected, rtol=2**-8, atol=1e-4)


def test_large_scores_do_not_overflow():
    q, k, v = draw(0, 1, 2, 1, 64) * 100, draw(1, 1, 1, 9, 64) * 100, draw(2, 1, 1, 9, 64)
    got = attend_once(q, k, v)
    expected = scaled_dot_product_attention(q.double(), k.double(), v.double(), enable_gqa=True)
    torch.testing.assert_close(got.double(), expected, rtol=2**-7, atol=1e-3)


@torch.no_grad()
def test_what_the_kernel_does_not_take():
    q, k = draw(0, 1, 2, 1, 8), draw(1, 1, 1, 4, 8)
    assert not attends_once(q.float(), k.float(), k.float())
    assert not attends_once(draw(0, 1, 2, 2, 8), k, k)
    assert not attends_once(q, k.mT.contiguous().mT, k)
    with torch.enable_grad():
        assert not attends_once(q, k, k)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_blocks_are_read_in_the_order_of_the_table(data):
    heads, group, slots = (data.draw(st.integers(1, most)) for most in (3, 9, 20))
    size = data.draw(st.integers(1, 40) | st.sampled_from([32, 64, 128]))
    k, v = (draw(seed, 9, slots, heads, size) for seed in (0, 1))
    tables = data.draw(
        st.lists(st.lists(st.integers(0, 8), min_size=1, max_size=6), min_size=1, max_size=6)
    )
    lengths = [data.draw(st.integers(1, len(table) * slots)) for table in tables]
    q = draw(2, len(tables), heads * group, size)
    first = [sum(map(len, tables[:i])) for i in range(len(tables))]
    numbers = (torch.tensor(n) for n in ([b for table in tables for b in table], first, lengths))
    assert attends_blocks(k)
    out, lse = attend_blocks(q, k, v, Blocks(*numbers))
    for i, (table, length) in enumerate(zip(tables, lengths, strict=True)):
        keys, values = (
            x[table].flatten(0, 1)[:length].double().repeat_interleave(group, 1) for x in (k, v)
        )
        scores = torch.einsum("hd,shd->hs", q[i].double(), keys) * size**-0.5
        expected = torch.einsum("hs,shd->hd", scores.softmax(-1), values)
        torch.testing.assert_close(out[i].double(), expected, rtol=0, atol=1e-4)
        torch.testing.assert_close(lse[i].double(), scores.logsumexp(-1), rtol=0, atol=1e-4)


def test_pools_that_the_kernel_does_not_take():
    assert not attends_blocks(torch.zeros(2, 4, 1, 8))
    assert not attends_blocks(torch.zeros(2, 4, 1, 8, dtype=torch.bfloat16, device="meta"))
