"""Pairs and votes: what is read, and how mistakes are named."""

import json
from dataclasses import replace

import pytest

from leitai.base import LeitaiError
from leitai.data import DataSource, data_hash, load_rows
from leitai.data.bookshop import rows as bookshop_rows

ASK = {"role": "user", "content": "Where is it?"}
GOOD = {"role": "assistant", "content": "On its way."}
BAD = {"role": "assistant", "content": "No idea."}


def load(tmp_path, records, kind, **more):
    with (tmp_path / "p.jsonl").open("w") as file:
        for record in records:
            file.write(json.dumps(record) + "\n")
    source = DataSource(path="p.jsonl", format=kind, **more)
    return load_rows(source, base_folder=tmp_path)


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": [ASK], "chosen": [GOOD], "rejected": [BAD]},
        {"messages": [ASK], "chosen": GOOD, "rejected": BAD},
        {"chosen": [ASK, GOOD], "rejected": [ASK, BAD]},
        {"prompt": "Where is it?", "chosen": "On its way.", "rejected": "No idea."},
    ],
    ids=["trl", "messages", "implicit", "text"],
)
def test_pairs_in_all_their_forms(tmp_path, record):
    (row,) = load(tmp_path, [record], "preference")
    assert (row.messages, row.rejected, row.desirable) == ((ASK, GOOD), (ASK, BAD), None)


def test_votes(tmp_path):
    records = [
        {"prompt": [ASK], "completion": [GOOD], "label": True},
        {"prompt": "Where is it?", "completion": "No idea.", "label": False},
    ]
    rows = load(tmp_path, records, "vote")
    assert [(row.messages, row.desirable) for row in rows] == [
        ((ASK, GOOD), True),
        ((ASK, BAD), False),
    ]


@pytest.mark.parametrize(
    ("kind", "record", "what"),
    [
        ("preference", {"prompt": [ASK], "chosen": [GOOD]}, 'no field "rejected"'),
        ("preference", {"prompt": [ASK], "chosen": [GOOD], "rejected": [GOOD]}, "the same"),
        ("preference", {"prompt": [ASK], "chosen": [GOOD], "rejected": 3}, '"rejected".*found int'),
        ("preference", {"prompt": 3, "chosen": "a", "rejected": "b"}, '"prompt".*found int'),
        (
            "preference",
            {"chosen": [ASK, GOOD], "rejected": [{"role": "user", "content": "x"}, BAD]},
            "differ before the last",
        ),
        (
            "preference",
            {"prompt": [ASK], "chosen": [ASK], "rejected": [BAD]},
            r"chosen\[1\].*two messages",
        ),
        ("vote", {"prompt": [ASK], "completion": [GOOD], "label": 1}, "true or false"),
        ("vote", {"prompt": [ASK], "label": True}, 'no field "completion"'),
    ],
)
def test_mistakes_name_file_and_line(tmp_path, kind, record, what):
    good = {
        "preference": {"prompt": [ASK], "chosen": [GOOD], "rejected": [BAD]},
        "vote": {"prompt": [ASK], "completion": [GOOD], "label": True},
    }[kind]
    with pytest.raises(LeitaiError, match=what) as caught:
        load(tmp_path, [good, record], kind)
    assert "p.jsonl, line 2" in str(caught.value)


def test_pairs_are_never_taken_for_examples(tmp_path):
    with pytest.raises(LeitaiError, match=r"line 1: preference pairs.*set format: preference"):
        load(tmp_path, [{"prompt": [ASK], "chosen": [GOOD], "rejected": [BAD]}], None)


def test_an_instruction_goes_before_both_answers(tmp_path):
    record = {"prompt": [ASK], "chosen": [GOOD], "rejected": [BAD]}
    (row,) = load(tmp_path, [record], "preference", instruction="Be brief.")
    assert row.messages[0] == row.rejected[0]
    assert row.messages[0]["content"].startswith("Be brief.\n\n")


def test_the_hash_knows_the_rejected_answer(tmp_path):
    (row,) = load(tmp_path, [{"prompt": [ASK], "chosen": [GOOD], "rejected": [BAD]}], "preference")
    assert data_hash([row]) != data_hash([replace(row, rejected=(ASK, GOOD))])
    assert data_hash([row]) != data_hash([replace(row, rejected=None)])


def test_bookshop_preferences_reject_another_intents_reply():
    right = {row.id: row.messages for row in bookshop_rows("replies")}
    pairs = bookshop_rows("preferences")
    assert {row.id: row.messages for row in pairs} == right
    replies = {messages[-1]["content"] for messages in right.values()}
    for row in pairs:
        assert row.rejected[:-1] == row.messages[:-1]
        assert row.rejected[-1] != row.messages[-1]
        assert row.rejected[-1]["content"] in replies
