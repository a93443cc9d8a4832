"""Finished work in a plan's numbers."""

from hypothesis import given
from hypothesis import strategies as st

from leitai.inference.scheduler import ROWS
from leitai.planning import GenerateTask, ScoreTask
from leitai.planning.asked import as_many, shared_tokens, task_of_scoring, task_of_writing

rows = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=2, max_size=6)


@given(rows)
def test_shared_tokens_are_all_rows_beginning(found):
    shared = shared_tokens(found)
    assert len({tuple(row[:shared]) for row in found}) == 1
    longest_possible = min(map(len, found)) - 1
    if shared < longest_possible:
        assert len({row[shared] for row in found}) > 1


def test_one_row_shares_nothing():
    assert shared_tokens([[1, 2, 3]]) == 0


def test_choices_of_one_context_are_one_item():
    first, second = [1, 2, 3, 4], [1, 2, 5, 6]
    pairs = [(c, rest) for c in (first, second) for rest in ([7], [8, 9], [7, 8, 9])]
    assert task_of_scoring(pairs) == ScoreTask(
        items=2, context=4.0, choices=3, answer=2.0, shared=2
    )


def test_few_rows_take_as_long_as_the_longest_and_many_as_the_mean():
    prompts, written = [[1, 2, 3], [1, 2, 4, 5]], [10, 30]
    task = task_of_writing(prompts, written)
    assert task == GenerateTask(requests=2, prompt=3.5, new_tokens=30, shared=2)
    many = task_of_writing(prompts * ROWS, written * ROWS)
    assert many == GenerateTask(requests=2 * ROWS, prompt=3.5, new_tokens=20, shared=2)
    assert as_many(task, 2.5).requests == 5


def test_a_sample_stands_for_all():
    task = task_of_scoring([([1, 2], [3]), ([2, 2], [3])])
    assert as_many(task, 3).items == 6
