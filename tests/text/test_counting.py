"""Characters, bytes and tokens by language."""

import io

import pytest
from rich.console import Console

from leitai.base import LeitaiError
from leitai.text import train_tokenizer
from leitai.text.counting import (
    count_files,
    count_text,
    counts_view,
    language_of,
    split_languages,
)

MIXED = "Hello there.\n\n你好，世界。\n用 iPhone 15 打开。\n12345\nBye!"


@pytest.fixture(scope="module")
def tokenizers():
    return {
        "a": train_tokenizer([MIXED] * 9, "qwen2", 320),
        "b": train_tokenizer([], "llama", 300),
    }


@pytest.mark.parametrize(
    ("line", "language"),
    [
        ("你好", "zh"),
        ("请问 iPhone 还有货吗", "zh"),
        ("The Chinese word for book is 书", "en"),
        ("naïve café", "en"),
        ("12,345 …", "other"),
        ("  \n", None),
        ("𠮷野家", "zh"),
    ],
)
def test_language_by_script(line, language):
    assert language_of(line) == language


def test_text_is_cut_without_loss():
    runs = list(split_languages(MIXED))
    assert "".join(run for _, run in runs) == MIXED
    assert [language for language, _ in runs] == ["en", "zh", "other", "en"]
    assert runs[0][1] == "Hello there.\n\n"


def test_counts_add_up(tokenizers):
    counts = {count.language: count for count in count_text("f", MIXED, tokenizers)}
    assert list(counts) == ["zh", "en", "other", "all"]
    assert counts["all"].characters == len(MIXED)
    assert counts["all"].bytes == len(MIXED.encode())
    english = ["Hello there.\n\n", "Bye!"]
    for name, tokenizer in tokenizers.items():
        assert counts["en"].tokens[name] == sum(len(tokenizer.encode(run)) for run in english)
        parts = sum(counts[language].tokens[name] for language in ("zh", "en", "other"))
        assert counts["all"].tokens[name] == parts
    assert counts["all"].tokens["b"] == len(MIXED.encode())
    assert counts["zh"].characters_per_token("b") == pytest.approx(
        counts["zh"].characters / counts["zh"].bytes
    )


def test_files_and_their_total(tokenizers, tmp_path):
    (tmp_path / "one.txt").write_text(MIXED, "utf-8")
    (tmp_path / "two.txt").write_text("再见", "utf-8")
    counts = count_files([tmp_path / "one.txt", tmp_path / "two.txt"], tokenizers)
    total = {count.language: count for count in counts if count.file == "total"}
    assert total["all"].characters == len(MIXED) + 2
    assert set(total) == {"zh", "en", "other", "all"}
    assert not [
        count for count in count_files([tmp_path / "two.txt"], tokenizers) if count.file == "total"
    ]
    console = Console(file=io.StringIO(), width=200)
    console.print(counts_view(counts))
    text = console.file.getvalue()
    assert "a chars/token" in text and "two.txt" in text


def test_nothing_and_bad_files(tokenizers, tmp_path):
    empty = count_text("f", "", tokenizers)
    assert [(count.language, count.characters_per_token("a")) for count in empty] == [("all", 0.0)]
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\xff")
    for name in ("bad.txt", "none.txt"):
        with pytest.raises(LeitaiError, match=name):
            count_files([tmp_path / name], tokenizers)


def test_the_published_ratio_of_the_official_tokenizers(qwen, llama):
    """Chinese prose takes fewer of Qwen's tokens than of Llama 3's."""
    text = "这家书店开在老城区的巷子里，门口种着两棵桂花树，每到秋天，满屋子都是香气。" * 3
    count = count_text("f", text, {"qwen": qwen, "llama": llama})[-1]
    assert count.characters_per_token("qwen") > count.characters_per_token("llama") > 1
