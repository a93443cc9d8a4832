"""How far text goes in tokenizers: counts by hand, intervals, and the official tokenizers."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from leitai.base import LeitaiError
from leitai.comparison.tokenizers import compare_tokenizers
from leitai.data.texts import Text, read_texts
from leitai.text import Tokenizer, train_tokenizer

MIXED = "Hello there.\n\n你好，世界。\n用 iPhone 15 打开。\n12345\nBye!"


@pytest.fixture(scope="module")
def tokenizers():
    return {
        "a": train_tokenizer([MIXED] * 9, "qwen2", 320),
        "b": train_tokenizer([], "llama", 300),
    }


def texts(*many):
    return [Text(text) for text in many]


def test_counts_by_hand(tokenizers):
    found = {
        (one.language, one.tokenizer): one
        for one in compare_tokenizers({"d": texts(MIXED)}, tokenizers)
    }
    assert list(found) == [(lang, name) for lang in ("zh", "en", "other") for name in "ab"]
    english = "Hello there.\n\nBye!"
    one = found["en", "a"]
    assert (one.data, one.texts, one.characters) == ("d", 1, len(english))
    assert one.tokens == len(tokenizers["a"].encode(english))
    for language in ("zh", "en", "other"):
        bytewise = found[language, "b"]  # no merges: a token is a byte
        assert bytewise.tokens == bytewise.bytes
        assert bytewise.bytes_per_token == 1
        assert bytewise.relative == bytewise.tokens / found[language, "a"].tokens
        assert bytewise.characters_interval is None  # one text says nothing of others
    assert sum(found[lang, "a"].characters for lang in ("zh", "en", "other")) == len(MIXED)


def test_derived_figures(tokenizers):
    one = compare_tokenizers({"d": texts("你好" * 50)}, tokenizers)[1]
    assert one.tokens_per_thousand == 3000
    assert one.cost_per_thousand(0.5) == pytest.approx(0.0015)
    assert one.characters_in(300) == 100
    row = one.to_dict(context=300, price=0.5)
    assert row["cost_per_thousand_characters"] == pytest.approx(0.0015)
    assert row["characters_in_context"] == 100
    assert one.to_dict(context=1)["cost_per_thousand_characters"] is None


def test_languages_that_the_data_names(tokenizers):
    given = {"x": [Text("print('你好')", "code"), Text("The book is 书.", "zh")]}
    found = compare_tokenizers(given, tokenizers)
    assert [one.language for one in found] == ["zh", "zh", "code", "code"]


def test_intervals_cover_what_they_should():
    """Resampled texts: the truth is that of 20,000, and 95 % intervals from 80 hold it."""
    dice = np.random.default_rng(0)
    tokenizer = train_tokenizer(["hello there order book"] * 9, "qwen2", 300)
    words = ["hello", " there", " xyzzy", " book", " order", " q"]

    def draw(count):
        return texts(*("".join(dice.choice(words, dice.integers(1, 9))) for _ in range(count)))

    def measure(given, resamples):
        found = compare_tokenizers({"d": given}, {"one": tokenizer}, resamples=resamples)
        return found[0]

    truth = measure(draw(20_000), 1).characters_per_token
    held = [measure(draw(80), 399).characters_interval for _ in range(200)]
    covered = sum(low <= truth <= high for low, high in held)
    assert 178 <= covered <= 199  # 190 expected, within three deviations and a small bias


def test_no_text_is_refused(tokenizers):
    with pytest.raises(LeitaiError, match="nothing: there is no text"):
        compare_tokenizers({"nothing": texts("", " \n")}, tokenizers)


def test_texts_of_files_and_folders(tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo\n\nthree\n", "utf-8")
    (tmp_path / "b.py").write_text("x = 1\n", "utf-8")
    (tmp_path / "README.md").write_text("no data", "utf-8")
    (tmp_path / "c.jsonl").write_text(
        '{"question": "q", "answer": "a", "id": "7"}\n'
        '{"messages": [{"role": "user", "content": "hi"}]}\n',
        "utf-8",
    )
    found = list(read_texts(str(tmp_path)))
    assert [one.text for one in found if one.text.strip()] == (
        ["one\ntwo\n\n", "three\n", "x = 1\n", "q", "a", "hi"]
    )
    assert [one.language for one in found if one.text == "x = 1\n"] == ["code"]
    named = read_texts(str(tmp_path / "c.jsonl"), fields=["id"])
    assert [one.text for one in named] == ["7"]
    (tmp_path / "c.jsonl").write_text('{"grade": "1"}\n')
    with pytest.raises(LeitaiError, match=r"no text in the fields grade.*--field"):
        list(read_texts(str(tmp_path / "c.jsonl")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(LeitaiError, match="no file with text"):
        list(read_texts(str(tmp_path / "empty")))
    with pytest.raises(LeitaiError, match="no such file"):
        list(read_texts(str(tmp_path / "none")))


def test_the_bookshop_has_both_languages():
    found = list(read_texts("bookshop"))
    assert {one.language for one in found} == {"zh", "en"}
    assert len(found) > 100


def official(package, inside):
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"the package {package} is not installed (it carries {inside})")
    return Tokenizer.from_file(Path(spec.submodule_search_locations[0]) / inside)


@pytest.fixture(scope="module")
def makers():
    return {
        "qwen": official("dashscope", "resources/qwen.tiktoken"),
        "llama": official("llama_models", "llama3/tokenizer.model"),
    }


def test_official_tokenizers_on_the_bookshop(makers):
    """Chinese costs more of Llama 3's tokens than of Qwen's; English about the same."""
    found = {
        (one.language, one.tokenizer): one
        for one in compare_tokenizers({"bookshop": read_texts("bookshop")}, makers)
    }
    chinese, english = found["zh", "llama"], found["en", "llama"]
    assert chinese.relative_interval.low > 1.1
    assert 0.95 < english.relative_interval.low < english.relative_interval.high < 1.05


@pytest.mark.data
def test_official_tokenizers_on_public_data(makers):
    root = os.environ.get("LEITAI_DATA_ROOT")
    if root is None or not (Path(root) / "lm_text_zh").is_dir():
        pytest.skip("LEITAI_DATA_ROOT names no folder with lm_text_zh")
    names = ("lm_text_zh", "cmath", "banking77")
    found = {
        (one.data, one.language, one.tokenizer): one
        for one in compare_tokenizers(
            {name: read_texts(name, data_root=Path(root)) for name in names}, makers
        )
    }
    # one article of modern prose has 1.633 and 1.299; these paragraphs have traditional ones, too
    chinese = [found["lm_text_zh", "zh", name] for name in makers]
    assert 1.2 < chinese[0].characters_per_token < 1.633
    assert chinese[1].relative_interval.low > 1.1
    assert found["banking77", "en", "llama"].characters_per_token > 4
    assert found["cmath", "zh", "llama"].relative_interval.low > 1
