"""Rows that are too long for one contender are shortened at the same character for all."""

from types import SimpleNamespace

import pytest

from leitai.comparison.audit import LocalView, Side
from leitai.comparison.audit.lengths import training_ids
from leitai.comparison.cutting import cut_rows
from leitai.data import Row
from leitai.evaluation.asking import Prompting
from leitai.text import Chat, Tokenizer
from leitai.training.scratch import create_scratch

TEXTS = ["Where is my parcel?", "我的包裹在哪里", "order_status", "Where are my two parcels now"]


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    """Two tokenizers, of which the second packs text tighter."""
    made = []
    for key, preset, size in (("A", "qwen3-nano", 300), ("B", "llama3-nano", 400)):
        folder = tmp_path_factory.mktemp(key)
        create_scratch(preset, TEXTS * 20, folder / "base", vocab_size=size, seed=1)
        tokenizer = Tokenizer.from_folder(folder / "base")
        chat = Chat.from_folder(folder / "base", tokenizer)
        view = LocalView(preset.split("-")[0], tokenizer, chat, 512, 0, 0)
        made.append(Side(key, key, Prompting(date="26 Jul 2024"), view))
    return [*made, Side("C", "C", Prompting())]


def row(number, question, answer="order_status"):
    messages = ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    return Row(id=str(number), messages=messages, source=f"line {number}")


def cut(rows, sides, longest):
    return cut_rows(SimpleNamespace(adapt=SimpleNamespace(max_length=longest)), rows, sides)


def test_a_long_row_keeps_as_much_text_as_everybody_can_read(sides):
    long = row(1, "Where are my two parcels now? " * 30)
    found = cut([row(0, "Where?"), long], sides, 80)
    assert (found.shortened, found.rows[0]) == (["1"], row(0, "Where?"))
    sizes = [len(training_ids(side, side.view, found.rows[1])) for side in sides[:2]]
    assert sizes == [found.tokens[key][1] for key in "AB"]
    assert max(sizes) <= 80
    assert found.rows[1].messages[1] == long.messages[1]
    kept = found.rows[1].messages[0]["content"]
    one_more = row(1, long.messages[0]["content"][: len(kept) + 1])
    assert max(len(training_ids(side, side.view, one_more)) for side in sides[:2]) > 80


def test_an_answer_that_alone_is_too_long_is_left_to_the_audit(sides):
    long = row(1, "Where?", "order_status " * 100)
    found = cut([long], sides, 80)
    assert (found.shortened, found.rows) == ([], [long])
    assert min(found.tokens["A"][0], found.tokens["B"][0]) > 80
