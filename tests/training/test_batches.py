"""Order, padding and noise."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leitai.training.batches import EncodedRow, collate, epoch_windows, generator, window_parts
from leitai.training.noise import Noise


def make_row(ids, targets, weights=None, source="r"):
    ids, targets = np.asarray(ids, np.int64), np.asarray(targets, np.int64)
    weights = (
        np.ones(len(targets), np.float32) if weights is None else np.asarray(weights, np.float32)
    )
    return EncodedRow(ids, targets, ids[targets], weights, weights == 1, source, 3)


LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=700)


@settings(max_examples=40, deadline=None)
@given(LENGTHS, st.integers(1, 9), st.integers(0, 5), st.integers(0, 5))
def test_an_epoch_holds_each_row_once_in_full_windows(lengths, window, seed, epoch):
    windows = epoch_windows(lengths, window, seed, epoch)
    assert sorted(np.concatenate(windows)) == list(range(len(lengths)))
    assert len(windows) == -(-len(lengths) // window)
    assert sorted(map(len, windows))[1:] == [window] * (len(windows) - 1)
    again = epoch_windows(lengths, window, seed, epoch)
    assert all((a == b).all() for a, b in zip(windows, again, strict=True))


def test_the_order_changes_with_seed_and_epoch_and_is_pinned():
    lengths = list(range(1, 101))
    orders = {
        tuple(np.concatenate(epoch_windows(lengths, 4, seed, epoch)))
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 9
    # pinned: a checkpoint of today must mean the same rows tomorrow
    assert [list(w) for w in epoch_windows([5, 3, 9, 1, 7], 2, 1, 0)] == [[4, 2], [3], [1, 0]]


def test_windows_hold_rows_of_like_length():
    lengths = list(generator(3).integers(1, 400, size=4000))
    windows = epoch_windows(lengths, 16, 0, 0)
    padded = sum(max(lengths[i] for i in w) * len(w) for w in windows)
    assert padded < 1.05 * sum(lengths)


def test_a_batch_holds_what_predictions_depend_on():
    rows = [make_row([5, 6, 7, 8], [2, 3]), make_row([1, 2], [1], source="s")]
    batch = collate(rows)
    # short rows first; a row's last token predicts nothing
    assert batch.ids.tolist() == [[1, 5, 6, 7]]
    assert batch.places.tolist() == [0, 2, 3]
    assert batch.targets.tolist() == [2, 7, 8]
    assert batch.weights.tolist() == [1.0, 1.0, 1.0]
    assert (batch.weight, batch.tokens, batch.predictions) == (3.0, 6, 3)
    assert batch.sources == ("r", "s")
    weighted = collate([make_row([5, 6, 7], [1, 2], [0.25, 1.0])])
    assert weighted.weights.tolist() == [0.25, 1.0]
    assert weighted.weight == 1.25


def test_a_target_that_rows_share_counts_for_each_of_them():
    stem = list(range(20))
    rows = [make_row([*stem, end], [19, 20], [0.5, 1.0]) for end in (30, 31, 31)]
    batch = collate(rows)
    assert batch.ids.tolist() == [stem]
    assert batch.places.tolist() == [18, 19, 19]
    assert batch.targets.tolist() == [19, 30, 31]
    assert batch.weights.tolist() == [1.5, 1.0, 2.0]
    assert (batch.weight, batch.predictions, batch.tokens) == (4.5, 6, 63)


def test_batches_part_a_window_by_rows_and_by_unique_tokens():
    rows = [make_row([n, n + 1, n + 2], [1]) for n in (4, 0, 2, 1, 3)]
    assert [len(part) for part in window_parts(rows, 2, 100)] == [2, 2, 1]
    assert [len(part) for part in window_parts(rows, 9, 7)] == [2, 2, 1]
    alike = [make_row([*range(50), n], [50]) for n in range(8)]
    assert [len(part) for part in window_parts(alike, 9, 60)] == [8]
    parts = [collate(part) for part in window_parts(rows, 2, 100)]
    assert sorted(torch.cat([part.targets for part in parts]).tolist()) == [1, 2, 3, 4, 5]


def test_batches_end_where_they_have_enough_unless_the_next_row_begins_alike():
    rows = [make_row([n, *range(9)], [1]) for n in range(16)]
    assert [len(part) for part in window_parts(rows, 16, 1000)] == [16]
    assert [len(part) for part in window_parts(rows, 16, 1000, enough=75)] == [8, 8]
    assert [len(part) for part in window_parts(rows, 16, 1000, enough=50)] == [5, 6, 5]
    assert [len(part) for part in window_parts(rows, 4, 1000, enough=75)] == [4] * 4
    alike = [make_row([*range(50), n, *range(9)], [50]) for n in range(16)]
    assert [len(part) for part in window_parts(alike, 16, 1000, enough=75)] == [16]
    groups = [*alike, *(make_row([*range(100, 150), n, 5], [50]) for n in range(16))]
    assert [len(part) for part in window_parts(groups, 64, 1000, enough=75)] == [16, 16]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 2), min_size=2, max_size=12), min_size=1, max_size=40),
    st.integers(1, 12),
    st.integers(1, 60),
    st.integers(1, 60),
)
def test_a_window_is_parted_without_loss_and_within_its_limits(ids, batch_rows, most, enough):
    rows = [make_row(row, [1], source=str(n)) for n, row in enumerate(ids)]
    parts = list(window_parts(rows, batch_rows, most, enough))
    assert sorted(row.source for part in parts for row in part) == sorted(r.source for r in rows)
    for part in parts:
        beginnings = {tuple(row.ids[:end]) for row in part for end in range(1, row.length + 1)}
        assert len(part) == 1 or (len(part) <= batch_rows and len(beginnings) <= most)


SPECIAL = frozenset({0, 1})


def noisy_row():
    # 0 and 1 are special; the answer is 20, 21, 1
    return make_row([0, *range(2, 20), 1, 20, 21, 1], [20, 21, 22])


@pytest.mark.parametrize("probability", [0.2, 0.9])
def test_noise_touches_prompts_alone(probability):
    row = noisy_row()
    noise = Noise.over(probability, [row], SPECIAL)
    assert set(noise.pool) == set(range(2, 20))
    draws = generator(7)
    lengths = []
    for _ in range(300):
        changed = noise(row, draws)
        assert list(changed.ids[changed.targets]) == [20, 21, 1] == list(changed.labels)
        assert changed.ids[0] == 0
        assert 1 in changed.ids[:-3]
        assert set(changed.ids[1:-4]) <= set(range(2, 20))
        lengths.append(len(changed.ids))
    dropped = (len(row.ids) - np.mean(lengths)) / 18
    assert dropped == pytest.approx(probability / 2, abs=0.03)
    assert list(row.ids) == list(noisy_row().ids)


def test_noise_in_the_input_leaves_prompt_labels_as_they_were():
    ids = [0, *range(2, 20), 1, 20]
    row = make_row(ids, list(range(1, 21)), [*[0.5] * 19, 1.0])
    noise = Noise.over(0.6, [row], SPECIAL)
    changed = noise(row, generator(1))
    assert set(changed.labels) <= set(ids)
    assert list(changed.labels) == [*sorted(changed.labels[:-2]), 1, 20]
    assert (changed.ids[changed.targets] != changed.labels).any()
    assert changed.weights[-1] == 1.0


def test_noise_without_prompt_tokens_changes_nothing():
    row = make_row([0, 20, 1], [1, 2])
    noise = Noise.over(0.9, [row], SPECIAL)
    assert noise(row, generator(0)) is row
