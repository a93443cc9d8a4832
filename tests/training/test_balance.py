"""A step divided over processes: nothing lost, prefixes together, cost and not rows balanced."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitai.forest import plant
from leitai.models import scratch_config
from leitai.training.batches import EncodedRow
from leitai.training.ranks.balance import balance

CONFIG = scratch_config("qwen3-nano", 400)


def row(ids):
    ids = np.asarray(ids, dtype=np.int64)
    targets = np.array([len(ids) - 1])
    one = np.ones(1, dtype=np.float32)
    return EncodedRow(ids, targets, ids[targets], one, np.ones(1, dtype=bool), "row")


def unique(part):
    return len(plant([example.ids for example in part]).ids) if part else 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=12), min_size=1, max_size=12),
    st.integers(1, 5),
)
def test_each_row_goes_to_one_part(sequences, parts):
    rows = [row(ids) for ids in sequences]
    found = balance(rows, parts, CONFIG)
    assert len(found) == parts
    assert sorted(id(example) for part in found for example in part) == sorted(map(id, rows))
    again = balance(rows, parts, CONFIG)
    assert [[id(e) for e in part] for part in found] == [[id(e) for e in part] for part in again]


def test_rows_of_one_prompt_stay_together():
    rows = [row([prompt] * 60 + [answer] * 5) for answer in range(10, 14) for prompt in (1, 2)]
    first, second = balance(rows, 2, CONFIG)
    assert {example.ids[0] for example in first} == {1}
    assert {example.ids[0] for example in second} == {2}


def test_cost_is_balanced_and_not_rows():
    rows = [row(np.arange(200) + 1)] + [row([300 + i] * 10) for i in range(20)]
    parts = balance(rows, 2, CONFIG)
    assert sorted(map(len, parts)) == [1, 20]


def test_a_common_prefix_is_torn_only_where_one_part_would_have_too_much():
    rows = [row([7] * 30 + [100 + i] * 100) for i in range(8)]
    sizes = [unique(part) for part in balance(rows, 4, CONFIG)]
    assert sizes == [230] * 4


@pytest.mark.parametrize("parts", [2, 3])
def test_one_row_leaves_the_others_empty(parts):
    found = balance([row([1, 2, 3])], parts, CONFIG)
    assert sorted(map(len, found)) == [0] * (parts - 1) + [1]
