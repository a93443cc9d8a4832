"""What would contradict a dialogue, worked out by hand."""

from leitai.data.turns import Dialogue, Turn, answers_of, names, vocabulary

OTHER = Dialogue(
    "other",
    (
        Turn("user", "A hotel in Perth, please.", {"city": ["Perth"], "kind": ["hotel"]}),
        Turn("assistant", "The Swan, or the Rose?", {"name": ["Swan", "Rose"]}),
    ),
    "here",
)
TALK = Dialogue(
    "talk",
    (
        Turn("user", "A hostel in York, not in Leeds.", {"city": ["York"], "kind": ["hostel"]}),
        Turn("assistant", "The Crown is in York.", {"name": ["Crown"], "city": ["York"]}),
        Turn("user", "Another one?"),
        Turn("assistant", "Then the Bell.", {"name": ["Bell"]}),
        Turn("user", "How far is it?"),
        Turn("assistant", "Ten minutes on foot."),
    ),
    "there",
    "test",
)


def facts():
    known = vocabulary([OTHER, TALK, Dialogue("x", (Turn("user", "", {"city": ["Leeds"]}),), "")])
    rows = list(answers_of(TALK, known, language="en", system="Be brief."))
    assert [row.id for row in rows] == ["talk-1-en", "talk-3-en", "talk-5-en"]
    assert {row.group for row in rows} == {"talk"}
    assert rows[1].messages[0] == {"role": "system", "content": "Be brief."}
    assert rows[1].messages[-1] == {"role": "assistant", "content": "Then the Bell."}
    return [row.facts for row in rows]


def test_settled_slots_have_rivals_and_open_ones_none():
    first, second, third = facts()
    # Leeds was mentioned, so naming it is no contradiction; no name is settled yet
    assert first["rivals"] == {"city": ["Perth"], "kind": ["hotel"]}
    # the reference itself offers another name
    assert "name" not in second["rivals"]
    assert third["rivals"]["name"] == ["Rose", "Swan"]
    assert third["accepted"] == ["Bell", "Crown", "York", "hostel"]


def test_latin_values_are_whole_words_and_chinese_ones_are_not():
    assert names("In YORK.", "York")
    assert not names("Yorkshire", "York")
    assert not names("LD511", "LD51")
    assert names("寄到成都的包裹", "成都")
