"""Instructions, variety, and who writes better."""

import math
from itertools import combinations

import pytest

from leitai.base.errors import LeitaiError
from leitai.data import bookshop
from leitai.evaluation.asking import reference_of
from leitai.evaluation.judging import TEMPLATES, judge, parse_verdict
from leitai.evaluation.metrics.constraints import check_constraints, is_met
from leitai.evaluation.metrics.diversity import distinct, repetition
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Written
from leitai.evaluation.sheets import read_sheet, write_sheet


@pytest.mark.parametrize(
    ("text", "constraint", "met"),
    [
        ("春天 来了", {"type": "characters", "min": 4, "max": 4}, True),
        ("春天来了吗", {"type": "characters", "max": 4}, False),
        ("it is spring", {"type": "words", "min": 3, "max": 3}, True),
        ("一。二！三", {"type": "sentences", "min": 3, "max": 3}, True),
        ("Costs 3.50. Cheap.", {"type": "sentences", "min": 2, "max": 2}, True),
        ("a\n\nb\n\n\nc", {"type": "paragraphs", "min": 3, "max": 3}, True),
        ("1. x\n2、y\n- z\nno", {"type": "list_items", "min": 3, "max": 3}, True),
        ("新书上架", {"type": "contains", "words": ["新书"]}, True),
        ("A Sale!", {"type": "contains", "words": ["sale", "book"]}, False),
        ("A Sale!", {"type": "excludes", "words": ["SALE"]}, False),
        ("cat Cat dog", {"type": "times", "word": "cat", "min": 2, "max": 2}, True),
        ("“尊敬的顾客：", {"type": "starts_with", "text": "尊敬的顾客"}, True),
        ("来坐坐。灯下书店”", {"type": "ends_with", "text": "灯下书店"}, True),
        ("灯下书店见", {"type": "ends_with", "text": "灯下书店"}, False),
        ("你好 world", {"type": "language", "is": "zh"}, True),
        ("hello", {"type": "language", "is": "zh"}, False),
        ('```json\n{"a": 1}\n```', {"type": "json", "keys": ["a"]}, True),
        ("[1]", {"type": "json"}, False),
        ("  ", {"type": "excludes", "words": ["x"]}, False),
    ],
)
def test_constraints(text, constraint, met):
    check_constraints([constraint], "here")
    assert is_met(text, constraint) is met


@pytest.mark.parametrize(
    "constraint", [{"type": "rhymes"}, {"type": "contains"}, {"type": "words", "most": 3}]
)
def test_constraints_that_cannot_be_checked(constraint):
    with pytest.raises(LeitaiError, match="line 3"):
        check_constraints([constraint], "line 3")


def test_the_bundled_examples_meet_their_own_instructions():
    for row in bookshop.rows("writing"):
        check_constraints(row.facts["constraints"], row.source)
        assert all(is_met(reference_of(row), c) for c in row.facts["constraints"]), row.id


def test_variety_counted_by_hand():
    # a b a b c: pairs ab ba ab bc, of which 3 are different.
    assert distinct(["a b a b c"], 2) == 3 / 4
    assert distinct(["好好", "好"], 1) == 1 / 3
    assert math.isnan(distinct(["a"], 2))
    assert repetition("a b a b c", 2) == pytest.approx(1 / 4)
    assert repetition("天天向上天天向上", 4) == pytest.approx(1 / 5)
    assert repetition("", 4) == 0


def records(answers, language="zh"):
    return [
        ItemRecord(
            id=f"i{n}",
            slices=(language,),
            input=f"question {n}",
            expected="",
            answer=answer,
            correct=None,
            parsed=True,
            numerator=0.0,
            denominator=1.0,
            detail={},
        )
        for n, answer in enumerate(answers)
    ]


class Judge:
    """Says what `say` makes of the two answers that it is shown."""

    abilities = frozenset({"write"})

    def __init__(self, say):
        self.say = say

    def write(self, rows, max_characters):
        written = []
        for row in rows:
            text = row.messages[0]["content"]
            mark = (
                ("【回答一】", "【回答二】")
                if "【回答一】" in text
                else ("[Answer 1]", "[Answer 2]")
            )
            first = text.split(mark[0])[1].split("\n\n")[0].strip()
            second = text.split(mark[1])[1].split("\n\n")[0].strip()
            written.append(Written(self.say(first, second)))
        return written


def both(a, b):
    return {"A": records(a, "en"), "B": records(b, "en")}


def test_a_judge_with_a_preference_in_both_orders():
    a, b = records(["长长的", "短", "同"]), records(["短", "长长的", "同"])
    found = judge(
        {"A": a, "B": b}, Judge(lambda x, y: "平" if x == y else "一" if len(x) > len(y) else "二")
    )
    assert found.wins(("A", "B")) == (1, 1, 1)
    assert found.unparsed == found.inconsistent == 0


def test_a_judge_that_always_prefers_the_first_decides_nothing():
    found = judge(both(["x", "y"], ["z", "w"]), Judge(lambda x, y: "1"))
    assert found.wins(("A", "B")) == (0, 0, 2)
    assert found.inconsistent == 1


def test_what_cannot_be_read_is_a_tie_and_is_counted():
    say = iter(["1", "I prefer neither", "2.", "“1”"])
    found = judge(both(["x", "y"], ["z", "w"]), Judge(lambda x, y: next(say)))
    assert found.wins(("A", "B")) == (0, 1, 1)
    assert found.unparsed == 1 / 4
    assert [p.parsed for p in found.preferences] == [1, 2]


def test_verdicts_are_read_strictly():
    assert [parse_verdict(t) for t in ("１", "「二」", "Tie.", "平局", "1 or 2", "回答一")] == [
        "first",
        "second",
        "tie",
        "tie",
        None,
        None,
    ]
    assert TEMPLATES.keys() == {"zh", "en"}


def test_a_blind_sheet_is_filled_in_and_read(tmp_path):
    import csv

    texts = [f"A{n}" for n in range(20)]
    a, b = records([*texts, "same"]), records([t.replace("A", "B") for t in texts] + ["same"])
    sheet = tmp_path / "sheet.csv"
    assert write_sheet(sheet, {"A": a, "B": b}, seed=4) == 20
    before = sheet.read_text("utf-8")
    rows = list(csv.DictReader(before.splitlines()))
    assert 4 < sum(row["answer_1"].startswith("A") for row in rows) < 16
    assert [row["item"] for row in rows] != [f"i{n}" for n in range(20)]
    for row in rows:
        row["better"] = "1" if row["answer_1"].startswith("B") else "二"

    def save(filled):
        with sheet.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(filled)

    rows[0]["better"], rows[1]["better"] = "tie", ""
    save(rows)  # one row not judged: the equal answers do not count either
    assert read_sheet(sheet, {"A": a, "B": b}, seed=4).wins(("A", "B")) == (0, 18, 1)
    rows[1]["better"] = "tie"
    save(rows)
    assert read_sheet(sheet, {"A": a, "B": b}, seed=4).wins(("A", "B")) == (0, 18, 3)
    save([*rows, rows[7]])
    with pytest.raises(LeitaiError, match=r"line 22.*before|before.*line 22"):
        read_sheet(sheet, {"A": a, "B": b}, seed=4)
    sheet.write_text(before, "utf-8")
    with pytest.raises(LeitaiError, match="no row is filled in"):
        read_sheet(sheet, {"A": a, "B": b}, seed=4)
    with pytest.raises(LeitaiError, match="seed"):
        read_sheet(sheet, {"A": a, "B": b}, seed=5)
    sheet.write_text(before.replace(",\n", ",maybe\n", 1), "utf-8")
    with pytest.raises(LeitaiError, match=r"line 2.*maybe|maybe.*line 2|no verdict"):
        read_sheet(sheet, {"A": a, "B": b}, seed=4)


def test_records_of_other_items_are_refused():
    with pytest.raises(LeitaiError, match="same items"):
        judge(both(["x"], ["x", "y"]), Judge(lambda x, y: "1"))
    with pytest.raises(LeitaiError, match="two or more"):
        judge({"A": records(["x"])}, Judge(lambda x, y: "1"))


def test_every_pair_of_four_is_asked_in_both_orders():
    asked = []

    def longer(first, second):
        asked.append((first, second))
        return "tie" if len(first) == len(second) else "1" if len(first) > len(second) else "2"

    four = dict(zip("ABCD", (records([x * n], "en") for n, x in enumerate("abcd", 1)), strict=True))
    found = judge(four, Judge(longer))
    assert found.pairs == tuple(combinations("ABCD", 2))
    assert len(asked) == len(set(asked)) == 12
    assert [found.wins(pair) for pair in found.pairs] == [(0, 1, 0)] * 6
    assert [p.outcome for p in found.preferences] == ["B", "C", "D", "C", "D", "D"]


def test_a_sheet_of_three_shows_equal_pairs_once_and_tells_no_names(tmp_path):
    import csv

    three = {
        "A": records(["p0", "same", "p2"]),
        "B": records(["q0", "other", "q2"]),
        "C": records(["p0", "same", "r2"]),
    }
    sheet = tmp_path / "sheet.csv"
    # item 0: A and C say the same, so that A-B and C-B are one row; likewise item 1; item 2: three.
    assert write_sheet(sheet, three, seed=1) == 1 + 1 + 3
    rows = list(csv.DictReader(sheet.read_text("utf-8").splitlines()))
    assert set(rows[0]) == {"item", "question", "answer_1", "answer_2", "better"}
    for row in rows:
        row["better"] = "1" if row["answer_1"][0] in "qo" or row["answer_1"] == "r2" else "2"
        if {row["answer_1"], row["answer_2"]} == {"q2", "r2"}:
            row["better"] = "tie"
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    found = read_sheet(sheet, three, seed=1)
    assert found.wins(("A", "B")) == (0, 3, 0)
    assert found.wins(("A", "C")) == (0, 1, 2)
    assert found.wins(("B", "C")) == (2, 0, 1)
