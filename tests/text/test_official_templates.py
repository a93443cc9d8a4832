"""Chat encoding gives the ids that transformers gives with the official templates of trl."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leitai.base import LeitaiError

QWEN = ("qwen2_5", "qwen3", "qwen3_instruct_2507")
LLAMA = ("llama3", "llama3_1", "llama3_2")
CASES = 25

# Nothing here is a control token's name; a lone surrogate is no text to transformers.
FRAGMENTS = [
    *(
        "你好",
        "再见。",
        "Hello",
        " world",
        "\n",
        "\n\n",
        " ",
        "  ",
        "\t",
        "1234",
        "3.14",
        "'s",
        "don't",
    ),
    *("assistant\n", "<|im_start", "im_end >", "<|eot_id", "user<", "{{ x }}", "{% if %}", "\\n"),
    *(
        "```python\ndef f():\n\treturn 1\n```",
        "é",
        "e\u0301",
        "👩‍👩‍👧",
        "\u200b",
        "<b>",
        "&amp;",
        '"quoted"',
    ),
]
TEXTS = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=40),
).filter(lambda text: not re.search(r"<\|\w+\|>|</?(think|tool_call|tool_response)>", text))
ARGUMENTS = st.dictionaries(
    st.sampled_from(["city", "日期", "n"]),
    st.one_of(TEXTS, st.integers(), st.booleans()),
    max_size=3,
)
TOOL = {
    "type": "function",
    "function": {
        "name": "find_book",
        "description": "查找 a book <by title>",
        "parameters": {"type": "object", "properties": {"title": {"type": "string"}}},
    },
}


@st.composite
def conversations(draw, thinking=False, tools=False):
    messages = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(TEXTS)})
    for _ in range(draw(st.integers(1, 3))):
        messages.append({"role": "user", "content": draw(TEXTS)})
        if tools and draw(st.booleans()):
            call = {"name": "find_book", "arguments": draw(ARGUMENTS)}
            messages.append(
                {
                    "role": "assistant",
                    "content": draw(st.sampled_from(["", "Looking…"])),
                    "tool_calls": [{"type": "function", "function": call}],
                }
            )
            messages.append({"role": "tool", "content": draw(TEXTS)})
        answer = {"role": "assistant", "content": draw(TEXTS)}
        if thinking and draw(st.booleans()):
            answer["reasoning_content"] = draw(TEXTS)
        elif thinking and draw(st.booleans()):
            answer["content"] = f"<think>\n{draw(TEXTS)}\n</think>\n\n{answer['content']}"
        messages.append(answer)
    return messages


def examples():
    return settings(
        max_examples=CASES,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.mark.parametrize("name", QWEN + LLAMA)
@examples()
@given(data=st.data())
def test_ids_equal_the_official_ones(official, reference, name, data):
    chat, apply = official(name), reference(name)
    tools = data.draw(st.booleans()) and name != "llama3"
    messages = data.draw(conversations(thinking=name == "qwen3", tools=tools))
    options = {"tools": [TOOL] if tools else None}
    dated = options | ({} if name in QWEN else {"date_string": "26 Jul 2024"})
    assert chat.render(messages, **options) == apply(messages, tokenize=False, **dated)
    assert chat.encode_training(messages, **options).ids == apply(
        messages, tokenize=True, return_dict=False, **dated
    )
    prompt = messages[:-1]
    assert chat.encode_prompt(prompt, **options) == apply(
        prompt, tokenize=True, return_dict=False, add_generation_prompt=True, **dated
    )


@pytest.mark.parametrize("thinking", [True, False])
@examples()
@given(messages=conversations(thinking=True))
def test_thinking_switch(official, reference, thinking, messages):
    chat, apply = official("qwen3"), reference("qwen3")
    prompt = messages[:-1]
    assert chat.encode_prompt(prompt, thinking=thinking) == apply(
        prompt,
        tokenize=True,
        return_dict=False,
        add_generation_prompt=True,
        enable_thinking=thinking,
    )


def opening_with_text(messages):
    """No answer begins with white space, whose tokens would straddle the end of the header."""
    return [
        {**message, "content": message["content"].lstrip() or "x"}
        if message["role"] == "assistant"
        else message
        for message in messages
    ]


@pytest.mark.parametrize("name", ["qwen2_5", "qwen3", "qwen3_instruct_2507", "llama3"])
@examples()
@given(data=st.data())
def test_targets_equal_the_generation_marks(official, reference, name, data):
    """trl's training templates mark what is learnt; they add the line end after `<|im_end|>` to it,
    and qwen2_5's also the line end before the answer: both are the template's, not the model's."""
    chat, apply = official(f"{name}_training"), reference(f"{name}_training")
    tools = data.draw(st.booleans()) and name != "llama3"
    messages = opening_with_text(data.draw(conversations(tools=tools, thinking=name == "qwen3")))
    options = {"tools": [TOOL] if tools else None}
    encoded = chat.encode_training(messages, **options)
    theirs = apply(
        messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True, **options
    )
    assert encoded.ids == theirs["input_ids"]
    mask = [bool(flag) for flag in theirs["assistant_masks"]]
    end = chat.tokenizer.token_id("<|im_end|>")
    for index in range(1, len(mask)):
        first = mask[index] and not theirs["assistant_masks"][index - 1]
        if encoded.ids[index - 1] == end or (name == "qwen2_5" and first):
            mask[index] = False
    assert encoded.is_target == mask


@pytest.mark.parametrize("name", ["qwen2_5", "qwen3_instruct_2507", "llama3"])
def test_a_template_without_marks_gives_the_same_targets_as_with(official, name):
    messages = [
        {"role": "user", "content": "问"},
        {"role": "assistant", "content": "答一"},
        {"role": "user", "content": "再问"},
        {"role": "assistant", "content": "答二"},
    ]
    plain, marked = official(name), official(f"{name}_training")
    assert plain.encode_training(messages) == marked.encode_training(messages)


def test_llama_has_exactly_one_bos_and_qwen_none(official):
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    for name in LLAMA:
        chat = official(name)
        ids = chat.encode_prompt(messages)
        assert ids.count(chat.tokenizer.bos_id) == 1 and ids[0] == 128000
    for name in QWEN:
        assert 151643 not in official(name).encode_prompt(messages)


def test_llama_date_is_pinned(official):
    chat = official("llama3_2")
    messages = [{"role": "user", "content": "u"}]
    assert "Today Date: 26 Jul 2024\n" in chat.render(messages)
    for date in ("2025-02-01", "01 Feb 2025"):
        assert "Today Date: 01 Feb 2025\n" in chat.render(messages, date=date)
    with pytest.raises(LeitaiError, match="date"):
        chat.render(messages, date="tomorrow")


def test_stop_ids(official):
    assert official("qwen3").stop_ids == (151643, 151645)
    assert official("llama3_1").stop_ids == (128001, 128008, 128009)


@pytest.mark.parametrize(
    "name", ["qwen2_5", "qwen3", "qwen3_instruct_2507", "llama3_1", "llama3_2"]
)
def test_variants_of_the_openai_form_mean_the_same(official, reference, name):
    def conversation(arguments, **more):
        call = {"type": "function", "function": {"name": "find_book", "arguments": arguments}}
        return [
            {"role": "user", "content": "三体？", **more},
            {"role": "assistant", "content": "", "tool_calls": [call], **more},
            {"role": "tool", "content": "yes", **more},
        ]

    last = {"role": "assistant", "content": "Yes."}
    plain = [*conversation({"title": "三体", "n": 1}), last]
    nulls = {"reasoning_content": None, "name": None}
    variant = [
        *conversation('{"title":"三体",\n"n":1}', **nulls),
        {**last, **nulls, "tool_calls": []},
    ]
    variant[0]["content"] = [{"type": "text", "text": "三"}, {"type": "text", "text": "体？"}]
    chat = official(name)
    encoded = chat.encode_training(variant, tools=[TOOL])
    assert encoded == chat.encode_training(plain, tools=[TOOL])
    assert encoded.ids == reference(name)(
        plain, tools=[TOOL], tokenize=True, return_dict=False, date_string="26 Jul 2024"
    )


def test_arguments_that_are_no_object_stay_as_they_are(official):
    call = {"function": {"name": "f", "arguments": "[1, "}}
    messages = [{"role": "user", "content": "u"}, {"role": "assistant", "tool_calls": [call]}]
    assert '"arguments": [1, }' in official("qwen3").render(messages)
