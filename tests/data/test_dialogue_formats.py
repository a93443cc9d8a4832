"""Messages, alpaca, sharegpt and label tables to one form, checked."""

import json

import pytest

from leitai.base import LeitaiError
from leitai.data.dialogue import ROW_LIMIT, check_dialogue
from leitai.data.formats import (
    guess_format,
    read_alpaca,
    read_labelled,
    read_messages,
    read_sharegpt,
    refuse_preferences,
)

USER = {"role": "user", "content": "hi"}
BOT = {"role": "assistant", "content": "hello"}
CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}],
}
TEXT = {"type": "text", "text": "a"}
TOOL = {"role": "tool", "content": "42"}


@pytest.mark.parametrize(
    "messages",
    [
        [USER, BOT],
        [{"role": "system", "content": "be kind"}, USER, BOT, USER, BOT],
        [USER, CALL, TOOL, BOT],
        [USER, CALL, TOOL, TOOL, CALL, TOOL, BOT, USER, BOT],
        [USER, {**BOT, "reasoning_content": "hm"}],
    ],
)
def test_good_dialogues_pass_unchanged(messages):
    assert check_dialogue(messages, "x") == tuple(messages)


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([], '"messages" must be a list'),
        ("hi", '"messages" must be a list'),
        (["hi", "ho"], "messages[0]: expected an object with role and content, found str"),
        ([{"role": "usr", "content": "a"}, BOT], 'unknown role "usr" (did you mean "user"?)'),
        ([{"content": "a"}, BOT], "messages[0].role: unknown role null"),
        ([USER, {"role": "assistant", "content": " \n"}], "messages[1].content: empty content"),
        ([USER, {"role": "assistant"}], "messages[1].content: empty content"),
        ([USER, {"role": "assistant", "content": 5}], "expected text, found int"),
        ([{**USER, "contnt": "x"}, BOT], 'no field "contnt" (did you mean "content"?)'),
        ([{**USER, "tool_calls": []}, BOT], 'a message from "user" has no field "tool_calls"'),
        ([BOT], '"assistant" at the start'),
        ([USER, USER, BOT], 'messages[1]: two messages from "user" in a row'),
        ([USER, BOT, BOT], 'two messages from "assistant" in a row'),
        ([USER, {"role": "system", "content": "x"}, BOT], "a system message after the start"),
        ([{"role": "system", "content": "x"}, BOT], '"assistant" after "system"'),
        ([USER, BOT, TOOL, BOT], "a tool's answer without a call"),
        ([USER, CALL, BOT], '"assistant" after a tool call'),
        ([USER, CALL], 'the last message is from "assistant" and waits for a tool'),
        ([USER, BOT, USER], 'the last message is from "user"'),
        ([USER, CALL, TOOL], 'the last message is from "tool"'),
        ([USER, {**BOT, "content": "x" * (ROW_LIMIT + 1)}], "more than the limit of 1,000,000"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}, BOT],
            'a content part of type "image_url"',
        ),
        ([USER, {**BOT, "tool_calls": [{"function": {}}]}], "a tool call without a name"),
        (
            [USER, {**BOT, "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}],
            "arguments that are not JSON",
        ),
        (
            [USER, {**BOT, "tool_calls": [{"function": {"name": "f", "arguments": "[1]"}}]}],
            "arguments that are no object",
        ),
    ],
)
def test_bad_dialogues_are_refused_by_message(messages, message):
    with pytest.raises(LeitaiError) as caught:
        check_dialogue(messages, "file.jsonl, line 7")
    assert message in str(caught.value)
    assert caught.value.where.startswith("file.jsonl, line 7")
    assert caught.value.remedy


def test_parts_are_joined_arguments_decoded_and_none_dropped():
    record = {
        "messages": [
            {"role": "user", "content": [TEXT, {**TEXT, "text": "b"}]},
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": None,
                "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": '{"x": 1}'}}],
            },
            {"role": "tool", "tool_call_id": "1", "content": ""},
            BOT,
        ],
        "tools": json.dumps([{"name": "f", "parameters": {}}]),
    }
    example = read_messages(record, "x")
    assert example.messages[0]["content"] == "ab"
    assert example.messages[1] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}}
        ],
    }
    assert example.tools == ({"type": "function", "function": {"name": "f", "parameters": {}}},)


def test_sharegpt_with_tools():
    record = {
        "system": "be brief",
        "conversations": [
            {"from": "human", "value": "q"},
            {"from": "function_call", "value": '{"name": "f", "arguments": {"x": 1}}'},
            {"from": "observation", "value": "42"},
            {"from": "gpt", "value": "a"},
        ],
        "tools": "[]",
    }
    example = read_sharegpt(record, "x")
    assert [message["role"] for message in example.messages] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert example.messages[2]["tool_calls"] == CALL["tool_calls"]
    assert example.tools is None


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ([{"from": "humn", "value": "q"}], "unknown speaker 'humn' (did you mean \"human\"?)"),
        ([{"from": "human"}], 'conversations[0]: expected "from" and "value"'),
        (
            [{"from": "human", "value": "q"}, {"from": "function_call", "value": "f(x)"}],
            "conversations[1].value: not valid JSON",
        ),
        ({"from": "human"}, '"conversations" must be a list'),
    ],
)
def test_bad_sharegpt(turns, message):
    with pytest.raises(LeitaiError) as caught:
        read_sharegpt({"conversations": turns}, "x")
    assert message in str(caught.value)


def test_alpaca():
    record = {
        "instruction": "Translate",
        "input": "你好",
        "output": "Hello",
        "system": "be exact",
        "history": [["a", "b"]],
    }
    assert [(m["role"], m["content"]) for m in read_alpaca(record, "x").messages] == [
        ("system", "be exact"),
        ("user", "a"),
        ("assistant", "b"),
        ("user", "Translate\n你好"),
        ("assistant", "Hello"),
    ]
    only_input = {"instruction": "", "input": "q", "output": "a"}
    assert read_alpaca(only_input, "x").messages[0]["content"] == "q"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"instruction": "a"}, 'no field "output"'),
        ({"instruction": "a", "outputs": "b"}, 'no field "output" (did you mean "outputs"?)'),
        ({"instruction": "a", "output": " "}, '"output" is empty'),
        ({"instruction": "", "output": "b"}, '"instruction" is empty'),
        ({"instruction": 3, "output": "b"}, 'field "instruction": expected text, found int'),
        ({"instruction": "a", "output": "b", "history": [["x"]]}, "expected [question, answer]"),
    ],
)
def test_bad_alpaca(record, message):
    with pytest.raises(LeitaiError) as caught:
        read_alpaca(record, "x")
    assert message in str(caught.value)


def test_label_table():
    example = read_labelled({"q": "hi", "y": 3}, "x", text="q", label="y")
    assert example.label == "3"
    assert example.messages == (USER, {"role": "assistant", "content": "3"})


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"q": "hi", "labl": "a"}, 'no field "label" (did you mean "labl"?)'),
        ({"q": "  ", "label": "a"}, 'column "q": empty'),
        ({"q": "hi", "label": ""}, 'column "label": empty'),
        ({"q": "hi", "label": True}, "expected a label, found bool"),
        ({"q": "hi", "label": None}, "expected a label, found NoneType"),
        ({"q": 3, "label": "a"}, "expected text, found int"),
    ],
)
def test_bad_label_table(record, message):
    with pytest.raises(LeitaiError) as caught:
        read_labelled(record, "x", text="q", label="label")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"messages": [], "id": 1}, "messages"),
        ({"conversations": [], "tools": ""}, "sharegpt"),
        ({"instruction": "", "input": "", "output": ""}, "alpaca"),
        ({"text": "", "label": ""}, "labels"),
        ({"utterance": "", "intent": "", "category": ""}, "labels"),
    ],
)
def test_the_format_is_guessed_when_clear(record, expected):
    assert guess_format(record, "x") == expected


@pytest.mark.parametrize("record", [{}, {"a": 1}, {"messages": [], "conversations": []}])
def test_the_format_is_asked_for_when_unclear(record):
    with pytest.raises(LeitaiError, match="set format"):
        guess_format(record, "x")


@pytest.mark.parametrize(
    "record",
    [
        {"conversations": [], "chosen": {}, "rejected": {}},
        {"prompt": "", "chosen": "", "rejected": ""},
        {"messages": [], "label": False},
        {"conversations": [], "kto_tag": True},
    ],
)
def test_preferences_are_not_taken_for_examples(record):
    with pytest.raises(LeitaiError, match="not examples to imitate"):
        refuse_preferences(record, "x")
