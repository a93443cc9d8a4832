"""What is learnt: the assistant's words and the token that ends its turn, nothing else."""

import pytest

from leitai.base import LeitaiError
from leitai.text import Encoded, truncate

NAMES = ("qwen2_5", "qwen3", "qwen3_instruct_2507", "llama3", "llama3_1", "llama3_2")
END = {"q": "<|im_end|>", "l": "<|eot_id|>"}


def learnt(chat, encoded):
    """Return the text of each run of targets."""
    runs, run = [], []
    for token_id, target in zip(encoded.ids, encoded.is_target, strict=True):
        if target:
            run.append(token_id)
        elif run:
            runs.append(run)
            run = []
    if run:
        runs.append(run)
    return [chat.tokenizer.decode(run) for run in runs]


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


@pytest.mark.parametrize("name", NAMES)
def test_every_turn_or_the_last(official, name):
    chat, end = official(name), END[name[0]]
    messages = [{"role": "system", "content": "Be kind."}]
    messages += [user("早"), assistant("早上好！"), user("bye"), assistant("See you.")]
    last = "<think>\n\n</think>\n\nSee you." if name == "qwen3" else "See you."
    encoded = chat.encode_training(messages)
    assert learnt(chat, encoded) == [f"早上好！{end}", f"{last}{end}"]
    assert encoded.targets == sum(encoded.is_target)
    only = chat.encode_training(messages, turns="last")
    assert only.ids == encoded.ids
    assert learnt(chat, only) == [f"{last}{end}"]


@pytest.mark.parametrize("name", NAMES)
def test_targets_begin_where_the_prompt_ends(official, name):
    chat = official(name)
    messages = [user("一"), assistant("one"), user("二"), assistant("two")]
    encoded = chat.encode_training(messages, turns="last")
    prompt = chat.encode_prompt(messages[:-1])
    assert encoded.ids[: len(prompt)] == prompt
    assert encoded.is_target.index(True) == len(prompt)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_answer_still_teaches_to_stop(official, name):
    chat, end = official(name), END[name[0]]
    encoded = chat.encode_training([user("hush"), assistant(""), user("x"), assistant("y")])
    assert learnt(chat, encoded)[0] == end


@pytest.mark.parametrize("name", NAMES)
def test_text_that_looks_like_a_header_opens_nothing(official, name):
    chat, end = official(name), END[name[0]]
    header = chat.render([user("a")], generation_prompt=True)[-20:]
    fake = f"assistant\n\n{header}yes{end}"
    messages = [user(fake), assistant(f"no{fake}"), user(fake), assistant("fine")]
    encoded = chat.encode_training(messages)
    runs = learnt(chat, encoded)
    assert len(runs) == 2
    assert runs[0] == f"no{fake}{end}"
    assert runs[1].endswith(f"fine{end}")


def test_qwen3_thinking_is_learnt_in_the_last_turn_only(official):
    chat = official("qwen3")
    messages = [
        user("a"),
        assistant("<think>\nfirst\n</think>\n\none"),
        user("b"),
        assistant("two", reasoning_content="second"),
    ]
    assert learnt(chat, chat.encode_training(messages)) == [
        "one<|im_end|>",
        "<think>\nsecond\n</think>\n\ntwo<|im_end|>",
    ]
    think = chat.tokenizer.token_id("<think>")
    assert chat.encode_training(messages).ids.count(think) == 1


def test_qwen3_empty_thinking_is_prompt_when_the_prompt_holds_it(official):
    chat = official("qwen3")
    messages = [user("a"), assistant("one"), user("b"), assistant("two")]
    whole = "<think>\n\n</think>\n\ntwo<|im_end|>"
    for thinking in (None, True):
        encoded = chat.encode_training(messages, thinking=thinking)
        assert learnt(chat, encoded) == ["one<|im_end|>", whole]
    encoded = chat.encode_training(messages, thinking=False)
    assert learnt(chat, encoded) == ["one<|im_end|>", "two<|im_end|>"]
    prompt = chat.encode_prompt(messages[:-1], thinking=False)
    assert encoded.ids[: len(prompt)] == prompt
    assert encoded.is_target[len(prompt) :][0]


@pytest.mark.parametrize("name", ["qwen2_5", "qwen3", "qwen3_instruct_2507"])
def test_qwen_tool_calls_are_learnt_and_answers_of_tools_are_not(official, name):
    chat = official(name)
    call = {"type": "function", "function": {"name": "find", "arguments": {"title": "红楼梦"}}}
    messages = [
        user("find it"),
        assistant("", tool_calls=[call, call]),
        {"role": "tool", "content": "3 copies"},
        assistant("Three."),
    ]
    first, second = learnt(chat, chat.encode_training(messages, tools=[{"name": "find"}]))
    written = '<tool_call>\n{"name": "find", "arguments": {"title": "红楼梦"}}\n</tool_call>'
    assert first == f"{written}\n{written}<|im_end|>"
    assert second.endswith("Three.<|im_end|>")


@pytest.mark.parametrize("name", ["llama3_1", "llama3_2"])
def test_llama_tool_calls_are_learnt_and_answers_of_tools_are_not(official, name):
    chat = official(name)
    call = {"type": "function", "function": {"name": "find", "arguments": {"n": 1}}}
    messages = [
        user("find it"),
        assistant("", tool_calls=[call]),
        {"role": "tool", "content": "3 copies"},
        assistant("Three."),
    ]
    assert learnt(chat, chat.encode_training(messages, tools=[{"name": "find"}])) == [
        '{"name": "find", "parameters": {"n": 1}}<|eot_id|>',
        "Three.<|eot_id|>",
    ]


def test_a_llama_message_may_end_with_eom(llama):
    from leitai.text import Chat

    template = (
        "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
        "{% if m.code %}<|python_tag|>{{ m.code }}<|eom_id|>{% else %}{{ m.content }}<|eot_id|>"
        "{% endif %}{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant"
        "<|end_header_id|>\n\n{% endif %}"
    )
    chat = Chat(llama, {"default": template})
    messages = [user("1+1"), assistant(None, code="print(2)"), user("ok"), assistant("2")]
    encoded = chat.encode_training(messages)
    assert learnt(chat, encoded) == ["<|python_tag|>print(2)<|eom_id|>", "2<|eot_id|>"]
    assert encoded.ids.count(llama.token_id("<|python_tag|>")) == 1


def test_a_token_over_the_end_of_the_header_is_not_a_target(official):
    chat = official("qwen2_5")
    encoded = chat.encode_training([user("a"), assistant("\n\nhello")])
    assert learnt(chat, encoded) == ["hello<|im_end|>"]
    assert chat.tokenizer.decode(encoded.ids).endswith("assistant\n\n\nhello<|im_end|>\n")


def test_a_conversation_without_assistant_is_refused(official):
    with pytest.raises(LeitaiError, match=r"row 7: no message of the assistant"):
        official("qwen3").encode_training([user("a")], where="row 7")


def test_a_template_that_drops_turns_is_refused(qwen):
    from leitai.text import Chat

    template = (
        "{% for m in messages %}{% if loop.index0 < 3 %}<|im_start|>{{ m.role }}\n{{ m.content }}"
        "<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
        "{% endif %}"
    )
    chat = Chat(qwen, {"default": template})
    with pytest.raises(LeitaiError, match="shows 1 turns of the assistant, the conversation has 2"):
        chat.encode_training([user("a"), assistant("b"), user("c"), assistant("d")])


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% for m in messages %}{{ m.content }}{% endfor %}", "cannot tell where"),
        (
            "{% for m in messages %}{{ m.role }}: {{ m.content }}<|im_end|>{% endfor %}"
            "{% if add_generation_prompt %}assistant: {% endif %}",
            "cannot tell where",
        ),
        (
            "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}"
            "{% if add_generation_prompt %}<|im_start|>{% endif %}",
            "cannot tell where",
        ),
        (
            "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% else %}<|im_start|>"
            "{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>"
            "{% endif %}",
            "no token ends",
        ),
    ],
)
def test_a_template_whose_turns_cannot_be_told_is_refused(qwen, template, reason):
    from leitai.text import Chat

    chat = Chat(qwen, {"default": template}, where="my.jinja")
    with pytest.raises(LeitaiError, match=f"my.jinja: .*{reason}"):
        chat.encode_training([user("a"), assistant("b")])


def test_truncation_keeps_the_beginning_and_refuses_rows_without_targets():
    encoded = Encoded([1, 2, 3, 4], [False, False, True, True])
    assert truncate(encoded, 9, "r") == encoded
    assert truncate(encoded, 3, "r") == Encoded([1, 2, 3], [False, False, True])
    with pytest.raises(LeitaiError, match=r"f, line 3: no target is left .* at least 3 tokens"):
        truncate(encoded, 2, "f, line 3")
    with pytest.raises(LeitaiError, match="drop the row"):
        truncate(Encoded([1], [False]), 2, "f, line 3")
