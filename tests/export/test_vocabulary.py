"""Tokenizers that llama.cpp would cut otherwise are refused by name."""

import json

import pytest

from leitai.base import LeitaiError
from leitai.export.gguf_vocabulary import CONTROL, NORMAL, UNUSED, USER_DEFINED, read_vocabulary
from leitai.models import read_config
from leitai.text import Tokenizer


def changed(folder, tmp_path, change):
    content = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    change(content)
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), "utf-8")
    return Tokenizer.from_folder(tmp_path)


def test_scratch_tokenizers_are_named_honestly(checkpoints):
    for name, pre in (
        ("qwen2-nano", "qwen2"),
        ("qwen3-nano", "qwen2"),
        ("llama3-nano", "smaug-bpe"),  # Llama 3's pattern, without its whole pieces
    ):
        folder = checkpoints[name]
        found = read_vocabulary(Tokenizer.from_folder(folder), read_config(folder))
        assert found.pre == pre and found.add_bos == name.startswith("llama")


def test_kinds_of_tokens(checkpoints):
    from dataclasses import replace

    folder = checkpoints["qwen3-nano"]
    tokenizer, config = Tokenizer.from_folder(folder), read_config(folder)
    found = read_vocabulary(tokenizer, replace(config, vocab_size=config.vocab_size + 3))
    assert found.types[-3:] == [UNUSED] * 3 and found.tokens[-1] == f"[PAD{len(found.tokens) - 1}]"
    kinds = dict(zip(found.tokens, found.types, strict=True))
    assert kinds["<|im_end|>"] == CONTROL and kinds["<think>"] == USER_DEFINED
    assert kinds["a"] == NORMAL
    assert found.ids["eos"] == found.ids["eot"] == tokenizer.token_id("<|im_end|>")


def test_whole_pieces_are_llama_bpe(checkpoints, tmp_path):
    folder = checkpoints["llama3-nano"]
    tokenizer = changed(folder, tmp_path, lambda c: c["model"].update(ignore_merges=True))
    assert read_vocabulary(tokenizer, read_config(folder)).pre == "llama-bpe"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: c["pre_tokenizer"]["pretokenizers"][0]["pattern"].update(Regex=r"\w+|\W+"),
            "no pre-tokeniser for the pattern",
        ),
        (
            lambda c: c["pre_tokenizer"]["pretokenizers"][0].update(behavior="Removed"),
            "no pre-tokeniser like this one",
        ),
        (lambda c: c.update(normalizer={"type": "Lowercase"}), "the normalizer Lowercase"),
        (lambda c: c["model"].update(dropout=0.1), "no dropout"),
    ],
)
def test_refusals(checkpoints, tmp_path, change, message):
    folder = checkpoints["qwen2-nano"]
    with pytest.raises(LeitaiError, match=message):
        read_vocabulary(changed(folder, tmp_path, change), read_config(folder))
