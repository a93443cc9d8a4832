"""The preview tells what training would do, in numbers and in colour."""

import io
from dataclasses import dataclass

import pytest
from rich.console import Console

from leitai.base import LeitaiError
from leitai.text import Chat, Tokenizer, train_tokenizer, write_scratch_text_files
from leitai.text.preview import preview, row_view, summary_view, visible


@dataclass
class Row:
    messages: tuple
    source: str
    tools: tuple | None = None


def row(number, question, answer):
    messages = [{"role": "user", "content": question}]
    if answer is not None:
        messages.append({"role": "assistant", "content": answer})
    return Row(tuple(messages), f"data.jsonl, line {number}")


def printed(*views, colours=False):
    console = Console(
        file=io.StringIO(),
        width=200,
        force_terminal=colours,
        color_system="truecolor" if colours else None,
    )
    console.print(*views)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def chat(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scratch")
    write_scratch_text_files(train_tokenizer(["hello"], "qwen3", 300), "qwen3", folder)
    return Chat.from_folder(folder, Tokenizer.from_folder(folder))


def test_counts_are_those_of_training(chat):
    rows = [row(1, "hi", "yes"), row(2, "x" * 99, "no"), row(3, "a", None), row(4, "hi", "z" * 40)]
    result = preview(chat, rows, show=2, max_length=50)
    full = [chat.encode_training(item.messages) for item in (rows[0], rows[3])]
    assert (result.rows, result.refused, result.truncated) == (4, 2, 1)
    assert result.tokens == len(full[0].ids) + 50
    assert result.targets == full[0].targets + sum(full[1].is_target[:50])
    assert result.longest == len(full[1].ids)
    assert [shown.source for shown in result.shown] == ["data.jsonl, line 1", "data.jsonl, line 2"]
    assert result.refusals[0].startswith("data.jsonl, line 2: no target is left")
    assert result.refusals[1].startswith("data.jsonl, line 3: no message of the assistant")


def test_the_last_turn_alone(chat):
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "bb"}] * 2
    every = preview(chat, [Row(tuple(messages), "r")])
    last = preview(chat, [Row(tuple(messages), "r")], turns="last")
    assert every.targets == 2 * last.targets == 6


def test_colours_mark_the_targets(chat):
    result = preview(chat, [row(1, "hi \x1b[31m there", "yes\tno")])
    styled = printed(row_view(result.shown[0]), colours=True)
    assert "\x1b[1;92my" in styled
    assert "\x1b[31m" not in styled
    plain = printed(row_view(result.shown[0]))
    assert "hi \\x1b[31m there" in plain
    assert "⟦yes⇥no<|im_end|>⟧⏎" in plain
    assert " ".join(map(str, result.shown[0].ids[:3])) in plain


def test_refused_rows_say_why(chat):
    result = preview(chat, [row(index, "a", None) for index in range(1, 31)], show=1)
    text = printed(row_view(result.shown[0]), summary_view(result))
    assert "refused: data.jsonl, line 1: no message of the assistant" in text
    assert "data.jsonl, line 20:" in text
    assert "and 10 more" in text


def test_a_checkpoint_without_template_is_refused_once(chat):
    with pytest.raises(LeitaiError, match="no chat template"):
        preview(Chat(chat.tokenizer, {}), [row(1, "a", "b")])


def test_invisible_characters_are_shown():
    assert visible("a\nb\tc\x07\u202e\u200b你好😀\ue000") == (
        "a⏎\nb⇥c\\x07\\u202e\\u200b你好😀\\ue000"
    )
