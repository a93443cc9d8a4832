"""A forest holds the same sequences, each token once, and says who may look at whom."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leitai.forest import plan_attention, plant
from leitai.forest.forest import DENSE

ids = st.integers(0, 2)
sequences = st.lists(st.lists(ids, min_size=1, max_size=24), min_size=1, max_size=12)
savings = st.integers(1, 30)


@given(sequences, savings)
def test_every_sequence_can_be_read_back(rows, saving):
    forest = plant(rows, min_saving=saving)
    for number, row in enumerate(rows):
        places = forest.places(number)
        assert forest.ids[places].tolist() == row
        assert forest.positions[places].tolist() == list(range(len(row)))


@given(sequences)
def test_with_no_cost_of_splitting_every_prefix_is_stored_once(rows):
    prefixes = {tuple(row[:size]) for row in rows for size in range(1, len(row) + 1)}
    assert len(plant(rows, min_saving=1).ids) == len(prefixes)


@given(sequences)
def test_without_sharing_every_token_is_stored(rows):
    forest = plant(rows, share=False)
    assert len(forest.ids) == sum(map(len, rows))
    assert all(segment.parent == -1 for segment in forest.segments)


@given(sequences, savings)
def test_every_split_of_a_large_subtree_saves_what_it_must(rows, saving):
    rows = [[*row, *[9] * 130] for row in rows]
    forest = plant(rows, min_saving=saving)
    users = [0] * len(forest.segments)
    for segment in forest.segments:
        if segment.parent >= 0:
            users[segment.parent] += 1
    for tail in forest.tails:
        users[tail] += 1
    for segment, count in zip(forest.segments, users, strict=True):
        if count > 1 and segment.end - segment.stop > DENSE:
            assert (count - 1) * (segment.stop - segment.start) >= saving


@given(sequences, savings, st.integers(1, 40))
def test_a_token_sees_exactly_what_precedes_it_in_its_sequences(rows, saving, dense):
    forest = plant(rows, min_saving=saving)
    plan = plan_attention(forest, dense=dense)
    expected = np.zeros((plan.tokens, plan.tokens), dtype=bool)
    for number in range(len(rows)):
        places = forest.places(number)
        for place in range(len(places)):
            expected[places[place], places[: place + 1]] = True
    assert (plan.dense_mask().numpy() == expected).all()
    assert (_counts(plan) == expected).all()  # and no step covers a pair twice


@given(sequences, st.integers(1, 40))
def test_in_both_directions_a_token_sees_its_sequence(rows, dense):
    forest = plant(rows, share=False)
    plan = plan_attention(forest, causal=False, dense=dense)
    expected = np.zeros((plan.tokens, plan.tokens), dtype=bool)
    for number in range(len(rows)):
        places = forest.places(number)
        expected[np.ix_(places, places)] = True
    assert (plan.dense_mask().numpy() == expected).all()
    assert (_counts(plan) == expected).all()


def _counts(plan):
    """How often the steps let each query see each key."""
    counts = np.zeros((plan.tokens, plan.tokens), dtype=int)
    for step in plan.selves:
        size = step.stop - step.start
        alone = torch.ones(size, size, dtype=torch.bool)
        mask = step.mask if step.mask is not None else alone.tril() if plan.causal else alone
        counts[step.start : step.stop, step.start : step.stop] += mask.numpy()
    for step in plan.crosses:
        counts[step.stop : step.end, step.start : step.stop] += 1
    return counts


def test_prefixes_may_nest_as_deeply_as_they_like():
    depth = 3_000
    rows = [[*([7] * size), 1] for size in range(1, depth)]
    forest = plant(rows, min_saving=1)
    assert len(forest.ids) == 2 * (depth - 1)
    assert forest.places(depth - 2).tolist()[-1] < len(forest.ids)


def test_an_empty_sequence_is_refused():
    with pytest.raises(ValueError, match="without tokens"):
        plant([[1], []])


def test_sharing_is_refused_where_tokens_look_ahead():
    forest = plant([[1] * 40 + [2], [1] * 40 + [3]])
    with pytest.raises(ValueError, match="share=False"):
        plan_attention(forest, causal=False)


@settings(max_examples=20)
@given(sequences)
def test_the_order_of_the_sequences_does_not_matter(rows):
    one, other = plant(rows, min_saving=1), plant(rows[::-1], min_saving=1)
    assert sorted(one.ids.tolist()) == sorted(other.ids.tolist())
    assert len(one.segments) == len(other.segments)
