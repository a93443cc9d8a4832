"""When asking stops: the same decisions as the statistics, clusters once, in a fixed order."""

import random
from itertools import pairwise

import numpy as np
import pytest
from pydantic import TypeAdapter

from leitai.base.errors import LeitaiError
from leitai.comparison.pairing import ItemScore, TaskScores
from leitai.comparison.statistics.sequential import EARLY_SHARE, confidence_sequence, decided
from leitai.comparison.stopping import Watch, bounded, cluster_of, in_clusters, refuse_no_pool
from leitai.comparison.verdict import decide
from leitai.data import Row
from leitai.evaluation import ItemRecord, Task


def record(number, score, denominator=1.0):
    return ItemRecord(f"i{number}", (), "", "", "", None, True, score, denominator, {})


def watch(clusters, **fields):
    defaults = {"margin": 0.05, "higher_is_better": True, "alpha": 0.01, "level": 0.02}
    return Watch([("A", "B")], clusters=clusters, **(defaults | fields))


def answers(count, a, b, seed=1):
    rng = random.Random(seed)
    return {
        key: [record(i, float(rng.random() < rate)) for i in range(count)]
        for key, rate in (("A", a), ("B", b))
    }


def until(records, count):
    return {key: side[:count] for key, side in records.items()}


@pytest.mark.parametrize(
    ("rates", "higher", "expected"),
    [
        ((0.9, 0.5), True, "a_better"),
        ((0.9, 0.5), False, "b_better"),
        ((0.5, 0.9), True, "b_better"),
    ],
)
def test_decisions_are_those_of_the_statistics(rates, higher, expected):
    records = answers(300, *rates)
    seen = watch([str(i) for i in range(300)], higher_is_better=higher)
    looks = [seen.look(until(records, count)) for count in (20, 60, 100, 140)]
    assert looks == sorted(looks) and looks[-1]
    found = seen.as_json()
    assert (found["planned"], found["asked"], found["stopped"]) == (300, 140, True)
    pair = found["pairs"]["A-B"]
    gaps = np.array([a.numerator - b.numerator for a, b in zip(*records.values(), strict=True)])
    wanted = decided(gaps[:140], margin=0.05, alpha=0.01)
    assert (pair["decision"], pair["at"]) == (expected, wanted.n)
    assert [step[0] for step in pair["path"]] == [20, 60, 100, 140]
    low, high = confidence_sequence(gaps[:140], alpha=0.02)
    assert pair["path"][-1][2:] == pytest.approx([low, high], rel=1e-4)
    assert pair["p"] <= 0.01
    inner = confidence_sequence(gaps[:140], alpha=0.04)
    assert pair["inner"] == pytest.approx(list(inner), rel=1e-4)
    assert low < inner.low <= inner.high < high


def test_a_cluster_counts_once_when_it_was_asked_whole():
    """Each of 60 passages with five questions that are right or wrong together."""
    passages = answers(60, 0.9, 0.5)
    records = {key: [side[i // 5] for i in range(300)] for key, side in passages.items()}
    clusters = [f"passage {i // 5}" for i in range(300)]
    seen = watch(clusters)
    assert not seen.look(until(records, 3))  # no passage is complete
    assert seen.as_json()["pairs"] == {}
    seen.look(until(records, 252))
    alone = watch([str(i) for i in range(60)])
    alone.look(until(passages, 50))
    one, other = (w.as_json()["pairs"]["A-B"] for w in (seen, alone))
    assert (one["p"], one["value"], one["decision"]) == (
        other["p"],
        other["value"],
        other["decision"],
    )
    assert one["at"] == 5 * other["at"]


def test_the_last_item_of_a_pool_decides():
    """A claim about these items is settled by them, however small the difference."""
    records = answers(200, 0.6, 0.59)
    gap = sum(a.numerator - b.numerator for a, b in zip(*records.values(), strict=True)) / 200
    assert abs(gap) > 0.005
    names = [str(i) for i in range(200)]
    pool, further = watch(names, margin=0.0, pool=True), watch(names, margin=0.0)
    assert not pool.look(until(records, 100)) and not further.look(until(records, 100))
    assert pool.look(records) and not further.look(records)
    pair = pool.as_json()["pairs"]["A-B"]
    assert pair["decision"] == ("a_better" if gap > 0 else "b_better")
    assert pair["path"][-1][2:] == pytest.approx([gap, gap], abs=1e-6)
    assert pair["p"] < 1e-6
    assert pool.as_json()["about"] == "these"


@pytest.mark.parametrize(
    ("kind", "group", "message"),
    [("classification", "g", "come in groups"), ("bits_per_byte", None, "has no bound")],
)
def test_no_pool_of_groups_or_of_scores_without_a_bound(kind, group, message):
    task = {"kind": kind, "name": "t", "data": {"set": "bookshop"}}
    rows = [Row(id=str(n), messages=(), source="", group=group) for n in range(4)]
    with pytest.raises(LeitaiError, match=message):
        refuse_no_pool(TypeAdapter(Task).validate_python(task), rows)


def test_clusters_of_many_items_weigh_more_than_those_of_few():
    """A wins the 30 passages of ten questions, B the 90 of one: over items A is ahead."""
    sizes = [10, 1, 1, 1] * 30
    clusters = [f"p{n}" for n, size in enumerate(sizes) for _ in range(size)]
    wins = [float(size == 10) for size in sizes for _ in range(size)]
    a = [record(i, won) for i, won in enumerate(wins)]
    b = [record(i, 1 - won) for i, won in enumerate(wins)]
    seen = watch(clusters)
    seen.look({"A": a, "B": b})
    pair = seen.as_json()["pairs"]["A-B"]
    assert pair["value"] == pytest.approx((300 - 90) / 390, rel=1e-4)
    assert pair["decision"] == "a_better"
    assert pair["path"][-1][2] > 0


def test_items_of_a_cluster_are_asked_together_in_an_order_of_the_seed_alone():
    rows = [
        Row(id=str(i), messages=(), source="", group=None if i % 4 == 3 else f"g{i % 4}")
        for i in range(40)
    ]
    ordered = in_clusters(rows, seed=1)
    names = [cluster_of(row) for row in ordered]
    assert len(set(names)) == 13
    assert sum(a != b for a, b in pairwise(names)) == 12
    assert [row.id for row in ordered if row.group == "g1"] == [str(i) for i in range(1, 40, 4)]
    assert in_clusters(rows, seed=1) == ordered != in_clusters(rows, seed=2)


def test_scores_without_a_bound_are_noticed():
    assert bounded({"A": [record(0, 0.5)], "B": [record(0, 1.0)]})
    assert not bounded({"A": [record(0, 0.5)], "B": [record(0, 1.5)]})
    assert not bounded({"A": [record(0, 1.0, denominator=7.0)]})


@pytest.mark.parametrize(
    ("wins", "losses", "test"), [(60, 50, "betting"), (90, 20, "mcnemar_exact")]
)
def test_what_a_look_decided_stands_with_its_own_numbers_when_all_was_asked(wins, losses, test):
    """Another pair was open, so asking went on; the first pair's lead faded, or it grew."""
    sides = {"A": [1.0] * wins + [0.0] * losses, "B": [0.0] * wins + [1.0] * losses}
    scores = {
        key: [ItemScore(f"i{n}", (), value, 1.0) for n, value in enumerate(side)]
        for key, side in sides.items()
    }
    look = {
        **{"decision": "a_better", "at": 40, "value": 0.4, "p": 1e-4, "p_equivalence": 1.0},
        **{"inner": [0.1, 0.6], "path": [[40, 9.0, 0.05, 0.7]]},
    }
    looks = {"planned": 110, "asked": 110, "stopped": False, "pairs": {"A-B": look}}
    task = TaskScores("t", "accuracy", True, 0.02, scores, sequential=looks)
    named = {"A": {"name": "a"}, "B": {"name": "b"}}
    verdict = decide("d", named, [task], early_share=EARLY_SHARE)
    row = verdict["tasks"][0]["slices"][0]["pairs"]["A-B"]
    assert (row["verdict"], row["test"]) == ("a_better", test)
    assert row["p_holm"] <= 1e-4 / EARLY_SHARE
    assert (row["p"] == 1e-4) == (test == "betting")
    assert row["difference"]["low"] > 0
    assert verdict["overall"]["winner"] == "A"
