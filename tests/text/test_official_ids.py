"""The rank files give the same ids and texts as the classes of the packages that carry them."""

import argparse
import email.message
import importlib
import inspect
import json
import random
import sys
import types
import typing
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=80)


@pytest.fixture(scope="module")
def dashscope_class(qwen_ranks):
    """The official class alone: its package's own imports, such as web sockets, are not needed."""
    root = qwen_ranks.parent.parent
    with pytest.MonkeyPatch.context() as patch:
        for name in ("dashscope", "dashscope.tokenizers"):
            bare = types.ModuleType(name)
            bare.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
            patch.setitem(sys.modules, name, bare)
        module = importlib.import_module("dashscope.tokenizers.qwen_tokenizer")
    return module.QwenTokenizer(str(qwen_ranks))


@pytest.fixture(scope="module")
def llama_class(llama_ranks):
    module = pytest.importorskip("llama_models.llama3.tokenizer")
    return module.Tokenizer(llama_ranks)


@pytest.fixture(scope="module", params=["qwen", "llama"])
def pair(request):
    """Our tokenizer, and the official encode (special names are text) and decode."""
    ours = request.getfixturevalue(request.param)
    if request.param == "qwen":
        theirs = request.getfixturevalue("dashscope_class")
        return ours, lambda text: theirs.encode(text, allowed_special=set()), theirs.decode
    theirs = request.getfixturevalue("llama_class")
    return ours, lambda text: theirs.encode(text, bos=False, eos=False), theirs.decode


def test_prose_and_code(pair):
    ours, encode, _ = pair
    texts = [inspect.getsource(module) for module in (argparse, email.message, json, typing)]
    texts += ["擂台上两位选手同题作答，谁更胜一筹？答案要有证据，还要有把握。\n" * 20]
    texts += ["It's 3:45pm; the READER'S order #10086 (2 books, ￥58.50) wasn't found...\r\n" * 20]
    for text in (text[:90_000] for text in texts):  # dashscope's class cuts longer ones apart
        assert ours.encode(text) == encode(text)
        assert ours.decode(ours.encode(text)) == text


def test_every_script(pair):
    ours, encode, _ = pair
    dense = (range(0x3400, 0xA000), range(0xAC00, 0xD7B0), range(0x20000, 0x32000))
    codes = [
        code
        for code in range(0x110000)
        if unicodedata.category(chr(code)) not in ("Cn", "Co")
        and (code % 23 == 0 or not any(code in block for block in dense))
    ]
    for start in range(0, len(codes), 256):
        block = [chr(code) for code in codes[start : start + 256]]
        for text in ("".join(block), " ".join(block)):
            assert ours.encode(text) == encode(text), hex(codes[start])


def test_the_vocabulary_itself(pair):
    """Llama 3 has tokens that no merges lead to: they are found as whole pieces only."""
    ours, encode, _ = pair
    texts = [ours.token_bytes(index).decode("utf-8", "replace") for index in range(0, 128_000, 5)]
    for text, ids in zip(texts, ours.encode_batch(texts), strict=True):
        assert ids == encode(text), repr(text)


def test_strange_texts(pair, strange_texts):
    ours, encode, _ = pair
    for text, ids in zip(strange_texts, ours.encode_batch(strange_texts), strict=True):
        assert ids == encode(text), repr(text)
        assert ours.encode(text) == ids


@settings(max_examples=300, deadline=None)
@given(text=ANYTHING)
def test_any_text(pair, text):
    ours, encode, _ = pair
    assert ours.encode(text) == encode(text)


def test_bytes_that_are_no_utf8_decode_the_same(pair):
    ours, _, decode = pair
    dice = random.Random(7)
    short = [index for index in range(ours.vocab_size) if len(ours.token_bytes(index)) < 3]
    for pool in (range(ours.vocab_size), short):
        for _ in range(3000):
            ids = [dice.choice(pool) for _ in range(dice.randrange(1, 12))]
            assert ours.decode(ids) == decode(ids)
            assert "".join(ours.token_texts(ids)) == decode(ids)


def test_llama_special_tokens(llama, llama_class):
    assert llama.special == llama_class.special_tokens
    assert (llama.bos_id, llama.eos_id, llama.pad_id, llama.vocab_size) == (
        llama_class.bos_id,
        llama_class.eos_id,
        llama_class.pad_id,
        llama_class.n_words,
    )
    text = "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>"
    official = llama_class.encode(text, bos=False, eos=False, allowed_special="all")
    assert llama.encode_with_control(text) == official


def test_qwen_special_tokens(qwen, dashscope_class):
    assert qwen.special == dashscope_class._special_tokens
    assert qwen.bos_id is None
    assert qwen.pad_id not in (qwen.eos_id, dashscope_class.im_end_id)
    text = "<|im_start|>user\n你好<|im_end|>\n<|extra_204|><|endoftext|>"
    assert qwen.encode_with_control(text) == dashscope_class.encode(text)


def test_special_names_in_text_are_text(qwen, llama):
    for tokenizer in (qwen, llama):
        for name, token_id in tokenizer.special.items():
            ids = tokenizer.encode(f"say {name} now")
            assert token_id not in ids
            assert tokenizer.decode(ids) == f"say {name} now"


def test_decode_can_skip_special_tokens(llama):
    ids = [128000, *llama.encode("hi"), 128009]
    assert llama.decode(ids) == "<|begin_of_text|>hi<|eot_id|>"
    assert llama.decode(ids, skip_special=True) == "hi"
