"""Attention over a forest against plain attention over each sequence: values and gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

from leitai.forest import ForestScope, block_mask, plan_attention, plant
from leitai.forest.attention import masked_attention

sequences = st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=30), min_size=1, max_size=8)
DENSE = st.sampled_from([1, 16, 128])


def _inputs(tokens, dtype, heads=4, groups=2, size=8):
    torch.manual_seed(tokens)
    return [
        torch.randn(1, tokens, count, size, dtype=dtype).transpose(1, 2).requires_grad_()
        for count in (heads, groups, groups)
    ]


def _reference(q, k, v, forest, rows, *, causal):
    """Attend sequence by sequence; the result for each token of each sequence."""
    found = []
    for number in range(len(rows)):
        places = torch.from_numpy(forest.places(number))
        parts = [x[:, :, places] for x in (q, k, v)]
        found.append(scaled_dot_product_attention(*parts, is_causal=causal, enable_gqa=True))
    return found


def _scope(forest, dense, *, causal=True):
    scope = ForestScope(forest, causal=causal)
    scope.plan = plan_attention(forest, causal=causal, dense=dense)
    return scope


def _check(forest, rows, dense, dtype, tolerance, *, causal=True):
    q, k, v = _inputs(len(forest.ids), dtype)
    out = _scope(forest, dense, causal=causal).attend(0, q, k, v)
    expected = _reference(q, k, v, forest, rows, causal=causal)
    pulls = [torch.randn_like(part) for part in expected]
    ours = sum(
        (out[:, :, torch.from_numpy(forest.places(number))] * pull).sum()
        for number, pull in enumerate(pulls)
    )
    theirs = sum((part * pull).sum() for part, pull in zip(expected, pulls, strict=True))
    for number, part in enumerate(expected):
        mine = out[:, :, torch.from_numpy(forest.places(number))]
        torch.testing.assert_close(mine, part, rtol=tolerance, atol=tolerance)
    for a, b in zip(
        torch.autograd.grad(ours, (q, k, v)), torch.autograd.grad(theirs, (q, k, v)), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@settings(deadline=None)
@given(sequences, DENSE)
def test_outputs_and_gradients_equal_those_of_the_single_sequences(rows, dense):
    _check(plant(rows, min_saving=1), rows, dense, torch.float64, 1e-12)


@settings(deadline=None, max_examples=30)
@given(sequences, DENSE)
def test_in_float32_to_rounding(rows, dense):
    _check(plant(rows, min_saving=4), rows, dense, torch.float32, 1e-5)


@settings(deadline=None, max_examples=30)
@given(sequences, DENSE)
def test_in_both_directions(rows, dense):
    _check(plant(rows, share=False), rows, dense, torch.float64, 1e-12, causal=False)


def test_many_levels_and_long_segments():
    system, shots = [3] * 300, [[4] * 150, [5] * 140]
    rows = [[*system, *shot, *([6 + n] * 40), n] for shot in shots for n in range(3)]
    rows += [[*system, 9], [1, 2, 3]]
    forest = plant(rows)
    assert len(forest.ids) < 300 + 290 + 6 * 41 + 10
    _check(forest, rows, 128, torch.float64, 1e-12)


def test_another_number_of_tokens_is_refused():
    with pytest.raises(ValueError, match="3 tokens"):
        ForestScope(plant([[1, 2, 3]])).begin(4, torch.device("cpu"))


@pytest.mark.parametrize("causal", [True, False])
def test_the_block_mask_for_accelerators_says_the_same(causal):
    rows = [[1] * 40 + [n] * (n + 1) for n in range(2, 8)]
    plan = plan_attention(plant(rows, share=causal), causal=causal)
    mask = block_mask(plan, torch.device("cpu"))
    places = torch.arange(plan.tokens)
    zero = torch.tensor(0)
    seen = mask.mask_mod(zero, zero, places[:, None], places[None, :])
    assert torch.equal(seen, plan.dense_mask())


def _lengths(draw, most):
    return draw(st.lists(st.integers(1, most), min_size=1, max_size=6))


@st.composite
def _large(draw):
    """Sequences of several blocks, with a common beginning or none."""
    common = draw(st.integers(0, 300))
    return [[0] * common + [n + 1] * size for n, size in enumerate(_lengths(draw, 400))]


@settings(deadline=None, max_examples=40)
@given(_large(), st.booleans())
def test_the_blocks_are_those_of_the_mask_of_all_pairs(rows, causal):
    plan = plan_attention(plant(rows, share=causal), causal=causal)
    ours = block_mask(plan, torch.device("cpu"))
    size = plan.tokens
    theirs = create_block_mask(ours.mask_mod, None, None, size, size, device="cpu")
    assert ours.seq_lengths == theirs.seq_lengths

    def blocks(counts, indices):
        return [sorted(row[:n]) for n, row in zip(counts.tolist(), indices.tolist(), strict=True)]

    for kind in ("kv", "full_kv", "q", "full_q"):
        mine, other = (
            blocks(*(getattr(m, f"{kind}_{part}")[0, 0] for part in ("num_blocks", "indices")))
            for m in (ours, theirs)
        )
        assert mine == other, kind


@settings(deadline=None, max_examples=10)
@given(_large())
def test_flexattention_under_that_mask_attends_as_the_forest_does(rows):
    forest = plant(rows)
    q, k, v = _inputs(len(forest.ids), torch.float32, size=16)
    scope = ForestScope(forest)
    mask = block_mask(scope.plan, torch.device("cpu"))
    # on the CPU it has no way back
    q, k, v = (x.detach() for x in (q, k, v))
    found = flex_attention(q, k, v, block_mask=mask, enable_gqa=True)
    expected = scope.attend(0, q, k, v)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    dense = masked_attention(q, k, v, scope.plan.dense_mask())
    torch.testing.assert_close(dense, expected, rtol=1e-5, atol=1e-5)
