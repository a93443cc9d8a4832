"""Numbers beside the deciding one: means, summaries, slices, clusters, what is not there."""

import math
import statistics

import numpy as np
import pytest

from leitai.comparison.further import further_numbers
from leitai.evaluation import ItemRecord


class Task:
    """A task with one summary, which has no value without items in English."""

    def summaries(self):
        def share_of_english(records):
            english = [r for r in records if "en" in r.slices]
            return sum(r.numerator for r in english) / len(english) if english else math.nan

        return {"english": share_of_english}


def records(count, group=lambda i: None, right=lambda i: i % 3 == 0):
    return [
        ItemRecord(
            id=f"i{i}",
            slices=("en",) if i % 2 else ("zh",),
            input="",
            expected="",
            answer="",
            correct=right(i),
            parsed=True,
            numerator=float(right(i)),
            denominator=1.0,
            detail={},
            group=group(i),
            measures={"length": float(i)} if i % 4 else {},
        )
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def numbers():
    sides = {"A": records(120), "B": records(120, right=lambda i: i % 2 == 0)}
    return further_numbers(Task(), sides, seed=1)


def test_means_are_over_the_items_that_have_the_measure(numbers):
    found = numbers["all"]["length"]["A"]
    assert found["value"] == pytest.approx(statistics.mean(i for i in range(120) if i % 4))
    values = [i for i in range(120) if i % 4]
    # The interval is that of the normal approximation, to a third.
    error = 1.96 * np.std(values) / math.sqrt(len(values))
    assert found["high"] - found["value"] == pytest.approx(error, rel=0.34)
    assert found["value"] - found["low"] == pytest.approx(error, rel=0.34)


def test_summaries_are_of_each_slice_and_left_out_where_there_is_nothing(numbers):
    assert numbers["en"]["english"]["A"]["value"] == pytest.approx(1 / 3, abs=0.01)
    assert numbers["en"]["english"]["B"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert "english" not in numbers["zh"]


def test_clusters_widen_the_interval():
    def width(group):
        right = {"right": lambda i: i // 10 % 2 == 0}
        sides = {key: records(200, group, **right) for key in "AB"}
        found = further_numbers(Task(), sides, seed=1)["all"]["english"]["A"]
        return found["high"] - found["low"]

    assert width(lambda i: f"g{i // 10}") > 2 * width(lambda i: None)


def test_the_same_seed_gives_the_same_numbers(numbers):
    sides = {"A": records(120), "B": records(120, right=lambda i: i % 2 == 0)}
    assert further_numbers(Task(), sides, seed=1) == numbers
