"""Tokenizer files: what is read is what was meant, and damage is named in one line."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitai.base import LeitaiError
from leitai.text import Chat, Tokenizer, copy_text_files, train_tokenizer, write_scratch_text_files
from leitai.text.families import RANK_FILES

TEXT = "The bookshop opens at nine. 书店九点开门。" * 20


@pytest.fixture
def folder(tmp_path):
    tokenizer = train_tokenizer([TEXT], "qwen3", 300)
    write_scratch_text_files(tokenizer, "qwen3", tmp_path)
    return tmp_path


def edit(path, change):
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), "utf-8")


def refused(folder, pattern):
    with pytest.raises(LeitaiError, match=pattern) as caught:
        Tokenizer.from_folder(folder)
    assert "\n" not in str(caught.value)


def test_tokenizer_json_is_saved_as_it_was_read(folder, tmp_path):
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")), indent=3), "utf-8")
    Tokenizer.from_folder(folder).save(tmp_path / "copy")
    assert (tmp_path / "copy" / "tokenizer.json").read_bytes() == path.read_bytes()


def test_a_saved_tokenizer_is_the_same(folder, tmp_path):
    first = Tokenizer.from_folder(folder)
    first.save(tmp_path / "copy")
    second = Tokenizer.from_folder(tmp_path / "copy")
    for name in ("special", "control", "bos_id", "eos_id", "pad_id", "vocab_size", "added"):
        assert getattr(first, name) == getattr(second, name)
    assert first.encode(TEXT) == second.encode(TEXT)


def test_rank_files_convert_to_tokenizer_json(qwen, llama, tmp_path, strange_texts):
    for tokenizer in (qwen, llama):
        tokenizer.save(tmp_path / str(tokenizer.vocab_size))
        read = Tokenizer.from_folder(tmp_path / str(tokenizer.vocab_size))
        assert read.special == tokenizer.special
        assert (read.bos_id, read.eos_id, read.pad_id) == (
            tokenizer.bos_id,
            tokenizer.eos_id,
            tokenizer.pad_id,
        )
        plain = [text for text in strange_texts[::4] if "\u08ca" not in text]  # see text/loading.py
        assert read.encode_batch(plain) == tokenizer.encode_batch(plain)


def test_transformers_reads_the_converted_files_alike(qwen, llama, strange_texts):
    transformers = pytest.importorskip("transformers")
    import tokenizers as library

    names = [*qwen.special, *llama.special]
    texts = [
        text.encode("utf-8", "replace").decode()
        for text in strange_texts[::20]
        if "\u08ca" not in text and not any(name in text for name in names)
    ]
    for tokenizer in (qwen, llama):
        theirs = transformers.PreTrainedTokenizerFast(
            tokenizer_object=library.Tokenizer.from_str(tokenizer.to_json())
        )
        for text in texts:
            ids = theirs.encode(text, add_special_tokens=False)
            assert tokenizer.encode(text) == ids
            assert tokenizer.decode(ids) == theirs.decode(ids, clean_up_tokenization_spaces=False)


def test_tokenizer_json_comes_before_rank_files(folder, qwen_ranks):
    (folder / "qwen.tiktoken").symlink_to(qwen_ranks)
    assert Tokenizer.from_folder(folder).vocab_size == 300


def test_config_names_bos_eos_and_pad(folder):
    config = {"bos_token": {"content": "<|im_start|>"}, "eos_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"pad_token": None}))
    tokenizer = Tokenizer.from_folder(folder)
    assert tokenizer.token_name(tokenizer.bos_id) == "<|im_start|>"
    assert tokenizer.token_name(tokenizer.eos_id) == "<|endoftext|>"
    assert tokenizer.token_name(tokenizer.pad_id) == "<|fim_pad|>"


def test_older_checkpoints_name_tokens_in_a_map(folder):
    names = {"bos_token": "<|im_start|>", "eos_token": {"content": "<|endoftext|>"}}
    (folder / "special_tokens_map.json").write_text(json.dumps(names))
    (folder / "tokenizer_config.json").write_text('{"eos_token": "<|im_end|>"}')
    tokenizer = Tokenizer.from_folder(folder)
    assert tokenizer.token_name(tokenizer.bos_id) == "<|im_start|>"
    assert tokenizer.token_name(tokenizer.eos_id) == "<|im_end|>"


def test_pad_is_never_eos(folder):
    for eos in ("<|endoftext|>", "<|im_end|>"):
        config = {"eos_token": eos, "pad_token": eos}
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        tokenizer = Tokenizer.from_folder(folder)
        assert tokenizer.pad_id != tokenizer.eos_id
        assert tokenizer.pad_id not in Chat.from_folder(folder, tokenizer).stop_ids


def test_added_tokens_of_the_config_are_added(folder):
    edit(
        folder / "tokenizer_config.json",
        lambda config: config.update(
            added_tokens_decoder={"320": {"content": "<|new|>", "special": True}}
        ),
    )
    tokenizer = Tokenizer.from_folder(folder)
    assert tokenizer.special["<|new|>"] == 320
    assert tokenizer.vocab_size == 321
    assert json.loads(tokenizer.to_json())["added_tokens"][-1]["content"] == "<|new|>"


def test_words_added_to_the_vocabulary_are_found_in_text_and_chat(folder):
    entry = {"id": 320, "content": "擂台", "special": False, "normalized": True}
    edit(folder / "tokenizer.json", lambda content: content["added_tokens"].append(entry))
    tokenizer = Tokenizer.from_folder(folder)
    assert tokenizer.encode("上擂台！").count(320) == 1
    assert tokenizer.encode_batch(["擂台", "x"])[0] == [320]
    assert tokenizer.decode(tokenizer.encode("上擂台！<think>")) == "上擂台！<think>"
    chat = Chat.from_folder(folder, tokenizer)
    messages = [{"role": "user", "content": "擂台"}, {"role": "assistant", "content": "好擂台"}]
    encoded = chat.encode_training(messages)
    assert encoded.ids.count(320) == 2
    assert encoded.is_target[encoded.ids.index(320)] is False
    assert encoded.is_target[len(encoded.ids) - 1 - encoded.ids[::-1].index(320)] is True


def test_ids_without_a_token_decode_to_nothing(folder):
    tokenizer = Tokenizer.from_folder(folder)
    assert tokenizer.decode([10**6, *tokenizer.encode("a"), 320]) == "a"
    with pytest.raises(LeitaiError, match="-1 is not a token id"):
        tokenizer.decode([-1])


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(exclude_categories=()), max_size=50))
def test_token_texts_read_like_the_decoded_text(small, text):
    ids = small.encode(text)
    texts = small.token_texts(ids)
    assert len(texts) == len(ids)
    assert "".join(texts) == small.decode(ids)


@pytest.fixture(scope="module")
def small():
    return train_tokenizer([TEXT], "llama", 300)


def test_missing_files(tmp_path):
    refused(tmp_path / "none", "no such folder")
    refused(tmp_path, "no tokenizer in this folder; copy tokenizer.json")
    with pytest.raises(LeitaiError, match="no such file"):
        Tokenizer.from_file(tmp_path / "tokenizer.json")


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (lambda content: content.pop("model"), 'expected an object with "model"'),
        (lambda content: content["model"].update(type="Unigram"), "not a byte-level BPE"),
        (lambda content: content.update(pre_tokenizer=None, decoder=None), "not a byte-level BPE"),
        (lambda content: content["model"].update(merges=[["x", "qqqqq"]]), "not a tokenizer file"),
        (lambda content: content["model"].update(vocab=[]), "not a tokenizer file"),
        (lambda content: content.update(added_tokens={}), 'expected a list in "added_tokens"'),
        (lambda content: content.update(added_tokens=[1]), "added token 0: expected an object"),
        (lambda content: content["added_tokens"][0].update(id=-1), "expected an id of 0 or more"),
        (lambda content: content["added_tokens"][1].update(content=""), "added token 1"),
        (lambda content: content["added_tokens"].append(content["added_tokens"][0]), "twice"),
    ],
)
def test_damaged_tokenizer_json(folder, change, pattern):
    edit(folder / "tokenizer.json", change)
    refused(folder, pattern)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", "{'a': 1}"])
def test_no_json(folder, text):
    (folder / "tokenizer.json").write_text(text)
    refused(folder, r"tokenizer\.json")


def test_broken_utf8_and_deep_nesting(folder):
    (folder / "tokenizer.json").write_bytes(b'{"model": "\xff"}')
    refused(folder, "not UTF-8")
    (folder / "tokenizer.json").write_text("[" * 100_000)
    refused(folder, "nested too deeply")


def test_damaged_config(folder):
    for text in ("[]", '{"added_tokens_decoder": []}', '{"added_tokens_decoder": {"x": {}}}', "{"):
        (folder / "tokenizer_config.json").write_text(text)
        refused(folder, r"tokenizer_config\.json")


@pytest.mark.parametrize("name", ["qwen.tiktoken", "tokenizer.model"])
def test_damaged_rank_files(tmp_path, name, monkeypatch):
    path = tmp_path / name
    lines = [b"%s %d" % (base64.b64encode(bytes([byte])), byte) for byte in range(256)]
    path.write_bytes(b"\n".join(lines))
    refused(tmp_path, r"256 different tokens, expected the ranks 0 to 1\d\d,\d\d\d")
    path.write_bytes(b"\n".join(lines[:9]) + b"\nIQ==\n")
    refused(tmp_path, "line 10: expected a base64 token and its rank")
    path.write_bytes(b"!!! 1")
    refused(tmp_path, "line 1: expected a base64 token")
    path.write_bytes(b"\x0a\x0e\x0a\x05<unk>\x15\xff\xff\xff\xff\x18\x02")
    refused(tmp_path, "not a rank file of Qwen or Llama 3")
    path.write_bytes(b"x" * (17 << 20))
    refused(tmp_path, "not a rank file of Qwen or Llama 3")
    assert set(RANK_FILES) == {".tiktoken", ".model"}


def test_a_folder_without_chat_template_can_tokenize_but_not_chat(folder):
    (folder / "chat_template.jinja").unlink()
    tokenizer = Tokenizer.from_folder(folder)
    chat = Chat.from_folder(folder, tokenizer)
    assert not chat.has_template
    assert chat.stop_ids == tuple(sorted({tokenizer.eos_id, tokenizer.special["<|endoftext|>"]}))
    for use in (chat.render, chat.encode_prompt, chat.encode_training):
        with pytest.raises(LeitaiError, match="has no chat template; use an instruct checkpoint"):
            use([{"role": "user", "content": "hi"}])


def test_where_templates_come_from(folder):
    tokenizer = Tokenizer.from_folder(folder)
    messages = [{"role": "user", "content": "hi"}]

    def configure(value):
        edit(folder / "tokenizer_config.json", lambda config: config.update(chat_template=value))

    configure("from config")
    assert Chat.from_folder(folder, tokenizer).render(messages) != "from config"
    (folder / "chat_template.jinja").unlink()
    assert Chat.from_folder(folder, tokenizer).render(messages) == "from config"
    configure([{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}])
    chat = Chat.from_folder(folder, tokenizer)
    assert chat.render(messages) == "d"
    assert chat.render(messages, tools=[]) == "d"
    assert chat.render(messages, tools=[{"name": "f"}]) == "t"
    configure([{"name": "rag", "template": "r"}])
    with pytest.raises(LeitaiError, match="no chat template is named default"):
        Chat.from_folder(folder, tokenizer).render(messages)
    for wrong in (7, [{"name": "default"}], {"default": "d"}):
        configure(wrong)
        with pytest.raises(LeitaiError, match='in "chat_template"'):
            Chat.from_folder(folder, tokenizer)


def test_stop_ids_of_generation_config(folder):
    tokenizer = Tokenizer.from_folder(folder)
    own = {tokenizer.special["<|im_end|>"], tokenizer.special["<|endoftext|>"]}
    path = folder / "generation_config.json"
    for value, more in ((None, set()), (7, {7}), ([7, 9], {7, 9})):
        path.write_text(json.dumps({"eos_token_id": value}))
        assert set(Chat.from_folder(folder, tokenizer).stop_ids) == own | more
    for wrong in ("x", [-1], [True], {"a": 1}):
        path.write_text(json.dumps({"eos_token_id": wrong}))
        with pytest.raises(LeitaiError, match="eos_token_id"):
            Chat.from_folder(folder, tokenizer)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        "hello",
        [1],
        [{}],
        [{"role": 1}],
        [{"role": "user", "content": object()}],
        [{"role": "user", "content": [{"type": "image"}]}],
        [{"role": "user", "content": b"x"}],
    ],
)
def test_messages_that_are_none(folder, messages):
    chat = Chat.from_folder(folder, Tokenizer.from_folder(folder))
    with pytest.raises(LeitaiError, match=r"^row 3"):
        chat.encode_prompt(messages, where="row 3")


def test_content_of_text_parts_and_deep_values(folder):
    chat = Chat.from_folder(folder, Tokenizer.from_folder(folder))
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    whole = chat.render([{"role": "user", "content": "ab"}])
    assert chat.render([{"role": "user", "content": parts}]) == whole
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(LeitaiError, match="nested more than 100 deep"):
        chat.render([{"role": "user", "content": "x", "extra": deep}])


def test_a_failing_conversation_names_its_row(folder):
    chat = Chat.from_folder(folder, Tokenizer.from_folder(folder))
    with pytest.raises(LeitaiError, match=r"^data\.jsonl, line 4: the chat template fails"):
        chat.encode_training([{"role": "assistant", "content": 5}], where="data.jsonl, line 4")


def test_text_files_are_copied_byte_for_byte(folder, tmp_path):
    (folder / "qwen.tiktoken").write_bytes(b"\xff\x00")
    (folder / "model.safetensors").write_bytes(b"x")
    copy_text_files(folder, tmp_path / "copy")
    names = {path.name for path in (tmp_path / "copy").iterdir()}
    assert names == {
        *("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"),
        *("generation_config.json", "qwen.tiktoken"),
    }
    for name in names:
        assert (tmp_path / "copy" / name).read_bytes() == (folder / name).read_bytes()
