"""Groups of items as data: complete, without overlap where they claim it, in both languages."""

from itertools import product

import pytest

from leitai.comparison.report.filters import filters_of


def holds(group, marks):
    """What the page's script does with a group."""
    right = sum(marks)
    return (
        group.least <= right <= group.most
        and all(marks[i] for i in group.right)
        and not any(marks[i] for i in group.wrong)
    )


@pytest.mark.parametrize("count", range(2, 9))
def test_each_group_holds_what_its_label_says(count):
    keys = "ABCDEFGH"[:count]
    groups = {group.label.en: group for group in filters_of(keys, True)}
    assert ("They differ" in groups) == (count > 2)
    for marks in product((False, True), repeat=count):
        found = {label for label, group in groups.items() if holds(group, marks)}
        wanted = {"All"}
        if not any(marks):
            wanted.add("All wrong")
        if all(marks):
            wanted.add("All right")
        if count > 2 and 0 < sum(marks) < count:
            wanted.add("They differ")
        if sum(marks) == 1:
            wanted.add(f"Only {keys[marks.index(True)]} right")
        assert found == wanted


def test_scores_have_a_group_for_each_that_is_ahead():
    groups = filters_of("ABC", False)
    assert [group.ahead for group in groups] == [0, 1, 2, None]
    assert [group.label.zh for group in groups] == ["A 领先", "B 领先", "C 领先", "全部"]
    assert [group.colour for group in groups] == ["a", "b", "c", ""]
