"""Dividing: exact shares, no leaks, the same whatever the order."""

from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitai.base import LeitaiError
from leitai.data import Row, Split, assign_splits


def make(n, *, labels=4, group=None, repeat=1):
    return [
        Row(
            id=str(i),
            messages=(
                {"role": "user", "content": f"question {i // repeat}"},
                {"role": "assistant", "content": str(i // repeat % labels)},
            ),
            source=f"line {i}",
            label=str(i // repeat % labels),
            group=None if group is None else f"g{i // group}",
        )
        for i in range(n)
    ]


def places(rows):
    return {row.id: row.split for row in rows}


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 300),
    labels=st.integers(1, 7),
    validation=st.floats(0, 0.5),
    test=st.floats(0, 0.5),
    seed=st.integers(0, 99),
)
def test_every_label_gets_its_share(n, labels, validation, test, seed):
    split = Split(validation=validation, test=test, seed=seed)
    rows = assign_splits(make(n, labels=labels), split)
    count = Counter((row.label, row.split) for row in rows)
    total = Counter(row.label for row in rows)
    for label, size in total.items():
        for name, fraction in split.fractions.items():
            assert abs(count[label, name] - fraction * size) < 1 + 1e-6


def test_round_shares_are_exact():
    rows = assign_splits(make(400), Split(validation=0.1, test=0.2, seed=5))
    assert Counter(row.split for row in rows) == {"train": 280, "validation": 40, "test": 80}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10), order=st.randoms())
def test_the_order_of_the_rows_does_not_matter(seed, order):
    rows = make(60)
    turned = rows[:]
    order.shuffle(turned)
    split = Split(seed=seed, validation=0.2, test=0.2)
    divided = assign_splits(turned, split)
    assert [row.id for row in divided] == [row.id for row in turned]
    assert places(divided) == places(assign_splits(rows, split))


def test_another_seed_is_another_division():
    divisions = {tuple(places(assign_splits(make(60), Split(seed=s))).values()) for s in range(5)}
    assert len(divisions) == 5


def test_groups_stay_whole():
    split = Split(validation=0.25, test=0.25, by="group", seed=3)
    rows = assign_splits(make(400, group=7), split)
    parts = defaultdict(set)
    for row in rows:
        parts[row.group].add(row.split)
    assert all(len(names) == 1 for names in parts.values())
    shares = Counter(row.split for row in rows)
    assert all(shares[name] > 60 for name in ("train", "validation", "test"))
    with pytest.raises(LeitaiError, match="line 0: a split by group, but this row has no group"):
        assign_splits(make(4), split)


def test_equal_questions_stay_together():
    rows = assign_splits(make(120, repeat=3), Split(validation=0.3, test=0.3))
    for i in range(0, 120, 3):
        assert len({row.split for row in rows[i : i + 3]}) == 1


def test_rows_that_the_data_places_keep_their_place():
    rows = [replace(row, split="test") if i % 2 else row for i, row in enumerate(make(40))]
    divided = assign_splits(rows, Split(validation=0.5, test=0.0))
    assert all(row.split == "test" for row in divided[1::2])
    assert Counter(row.split for row in divided[::2]) == {"train": 10, "validation": 10}


def test_validation_is_taken_from_train_when_the_data_has_none():
    rows = [replace(row, split="test" if i < 10 else "train") for i, row in enumerate(make(110))]
    divided = assign_splits(rows, Split(validation=0.2, test=0.3))
    assert Counter(row.split for row in divided) == {"train": 80, "validation": 20, "test": 10}


def test_small_labels_reach_every_split_in_fair_shares():
    rows = assign_splits(make(600, labels=200), Split(validation=0.1, test=0.1))
    shares = Counter(row.split for row in rows)
    assert 30 < shares["validation"] < 90
    assert 30 < shares["test"] < 90


def test_a_label_with_two_rows_always_trains():
    for seed in range(30):
        rows = assign_splits(make(2, labels=1), Split(seed=seed))
        assert "train" in {row.split for row in rows}
