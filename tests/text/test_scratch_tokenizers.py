"""Tokenizers trained on the run's own text, and the checkpoint files made with them."""

import hashlib
import json
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitai.base import LeitaiError
from leitai.text import Chat, Tokenizer, train_tokenizer, write_scratch_text_files
from leitai.text.families import FAMILIES

CORPUS = [
    "Where is my order? It's #10086, placed on 2024-07-26.",
    "我的订单到哪里了？七月二十六日下的单。",
    "Please send the invoice again!  Thanks.\n",
    "请把发票再发一次，谢谢！",
] * 5
CONVERSATION = [
    {"role": "system", "content": "Be brief. 简短。"},
    {"role": "user", "content": "Where is my order?"},
    {"role": "assistant", "content": "On its way. 在路上。"},
    {"role": "user", "content": "发票呢？"},
    {"role": "assistant", "content": "已经发了。"},
]
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
CALL = {"type": "function", "function": {"name": "find", "arguments": {"书": "三体"}}}


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def scratch(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    tokenizer = train_tokenizer(CORPUS, request.param, 380)
    write_scratch_text_files(tokenizer, request.param, folder)
    return request.param, tokenizer, folder


def test_size_special_tokens_and_bytes(scratch):
    family, tokenizer, _ = scratch
    facts = FAMILIES[family]
    assert tokenizer.vocab_size == 380
    assert list(tokenizer.control) == [*facts.special, *facts.control]
    assert max(tokenizer.control.values()) == 379
    assert {tokenizer.token_bytes(index) for index in range(256)} == {
        bytes([byte]) for byte in range(256)
    }
    assert tokenizer.token_name(tokenizer.eos_id) == facts.eos
    assert tokenizer.token_name(tokenizer.bos_id) == facts.bos
    assert tokenizer.token_name(tokenizer.pad_id) == facts.pad


def test_digits_are_cut_as_the_family_cuts_them():
    longest = {}
    for family in FAMILIES:
        tokenizer = train_tokenizer(["order 1234567 " * 9] * 9, family, 400)
        tokens = map(tokenizer.token_bytes, range(tokenizer.vocab_size))
        longest[family] = max(len(token) for token in tokens if token.isdigit())
    assert longest == {"llama": 3, "qwen2": 1, "qwen3": 1}


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_survives(scratch, text):
    family, tokenizer, _ = scratch
    decoded = tokenizer.decode(tokenizer.encode(text))
    if FAMILIES[family].nfc:
        decoded, text = (unicodedata.normalize("NFC", part) for part in (decoded, text))
    assert decoded == text


def test_training_is_deterministic_across_processes(scratch):
    family, tokenizer, _ = scratch
    script = (
        "import hashlib, json, sys\n"
        "from leitai.text import train_tokenizer\n"
        "texts, family = json.load(sys.stdin)\n"
        "print(hashlib.sha256(train_tokenizer(iter(texts), family, 380).to_json().encode())"
        ".hexdigest())"
    )
    digests = {hashlib.sha256(tokenizer.to_json().encode()).hexdigest()}
    for threads in ("1", "4"):
        run = subprocess.run(
            [sys.executable, "-c", script],
            input=json.dumps([CORPUS, family]),
            env={"PYTHONPATH": ":".join(sys.path), "RAYON_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(run.stdout.strip())
    assert len(digests) == 1


def test_special_names_in_the_training_text_are_text():
    tokenizer = train_tokenizer(["<|im_end|> <think> <|im_end|>"] * 50, "qwen3", 330)
    ids = tokenizer.encode("<|im_end|>")
    assert tokenizer.special["<|im_end|>"] not in ids
    assert tokenizer.decode(ids) == "<|im_end|>"


def test_wrong_requests():
    with pytest.raises(LeitaiError, match="unknown family 'gpt'; use one of qwen2, qwen3, llama"):
        train_tokenizer(CORPUS, "gpt", 500)
    with pytest.raises(LeitaiError, match=r"vocab_size: 200 tokens .* use 266 or more"):
        train_tokenizer(CORPUS, "qwen3", 200)


def test_no_text_gives_bytes():
    tokenizer = train_tokenizer([], "llama", 500)
    assert tokenizer.vocab_size == 256 + len(FAMILIES["llama"].special)
    assert len(tokenizer.encode("你")) == 3


def test_the_folder_is_read_back(scratch):
    _, tokenizer, folder = scratch
    read = Tokenizer.from_folder(folder)
    for text in CORPUS:
        assert read.encode(text) == tokenizer.encode(text)
    for name in ("special", "control", "bos_id", "eos_id", "pad_id", "vocab_size"):
        assert getattr(read, name) == getattr(tokenizer, name)
    chat = Chat.from_folder(folder, read)
    assert read.eos_id in chat.stop_ids
    assert read.pad_id not in chat.stop_ids


def test_transformers_reads_the_folder_alike(scratch):
    transformers = pytest.importorskip("transformers")
    _, tokenizer, folder = scratch
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    for text in CORPUS:
        assert theirs.encode(text, add_special_tokens=False) == tokenizer.encode(text)
    assert (theirs.bos_token_id, theirs.eos_token_id, theirs.pad_token_id) == (
        tokenizer.bos_id,
        tokenizer.eos_id,
        tokenizer.pad_id,
    )
    chat = Chat.from_folder(folder, tokenizer)
    thinking = [*CONVERSATION[:-1], CONVERSATION[-1] | {"reasoning_content": "let me see"}]
    tools = [
        *CONVERSATION[:2],
        {"role": "assistant", "content": "", "tool_calls": [CALL, CALL]},
        {"role": "tool", "content": "one"},
        {"role": "tool", "content": "two"},
        {"role": "assistant", "content": "Both."},
    ]
    for messages, options in (
        (CONVERSATION, {}),
        (CONVERSATION[1:], {}),
        (thinking, {}),
        (tools, {"tools": [TOOL]}),
        (tools[1:], {"tools": [TOOL]}),
    ):
        theirs_ids = theirs.apply_chat_template(
            messages, tokenize=True, return_dict=False, **options
        )
        assert chat.encode_training(messages, **options).ids == theirs_ids
        theirs_prompt = theirs.apply_chat_template(
            messages[:-1], tokenize=True, return_dict=False, add_generation_prompt=True, **options
        )
        assert chat.encode_prompt(messages[:-1], **options) == theirs_prompt
        assert theirs_ids[: len(theirs_prompt)] == theirs_prompt


def test_scratch_chats_learn_answers_and_ends(scratch):
    family, tokenizer, folder = scratch
    chat = Chat.from_folder(folder, tokenizer)
    encoded = chat.encode_training(CONVERSATION)
    learnt = [token for token, target in zip(encoded.ids, encoded.is_target, strict=True) if target]
    end = FAMILIES[family].eos
    assert tokenizer.decode(learnt) == f"On its way. 在路上。{end}已经发了。{end}"
    assert encoded.ids.count(tokenizer.bos_id) == (1 if family == "llama" else 0)


def test_thinking_on_or_off_is_the_same_for_scratch_models(scratch):
    _, tokenizer, folder = scratch
    chat = Chat.from_folder(folder, tokenizer)
    prompts = [chat.encode_prompt(CONVERSATION[:2], thinking=flag) for flag in (None, True, False)]
    assert prompts[0] == prompts[1] == prompts[2]
