"""Texts to measure a language model on: prose in both languages, classical Chinese."""

import re
from collections.abc import Iterator

from leitai.data.lines import open_bytes, read_jsonl
from leitai.data.public import Find, PublicSet, Reader
from leitai.data.rows import Row

PIECE = 2000
"""Characters to which documents are cut: a length of text, so that no tokenizer is favoured."""

_HEADING = re.compile(r"\n(?= = [^=])")
"""Where an article of WikiText begins."""


def pieces(document: str) -> Iterator[str]:
    """Cut a document every `PIECE` characters; a piece without text is left out."""
    for start in range(0, len(document), PIECE):
        if document[start : start + PIECE].strip():
            yield document[start : start + PIECE]


def _text_row(identity: str, text: str, group: str, source: str, language: str) -> Row:
    return Row(
        id=identity,
        messages=({"role": "assistant", "content": text},),
        source=source,
        language=language,
        group=group,
        split="test",
    )


def _documents(name: str, files: tuple[str, ...], language: str, part: re.Pattern[str]) -> Reader:
    def read(find: Find, number: int) -> Iterator[Row]:
        for file in files:
            with open_bytes(find(file)) as opened:
                text = opened.read().decode("utf-8")
            for place, document in enumerate(part.split(text)):
                for count, piece in enumerate(pieces(document)):
                    yield _text_row(
                        f"{file}-{place}-{count}",
                        piece,
                        f"{file}-{place}",
                        f"{name}/{file}, document {place}",
                        language,
                    )

    return read


def _web(find: Find, number: int) -> Iterator[Row]:
    for line, record in read_jsonl(find("c4_demo.jsonl")):
        for count, piece in enumerate(pieces(record["text"])):
            source = f"lm_text_en/c4_demo.jsonl, line {line}"
            yield _text_row(f"c4-{line}-{count}", piece, f"c4-{line}", source, "en")


def _poems(find: Find, number: int) -> Iterator[Row]:
    for line, record in read_jsonl(find("chinese_poetry.jsonl")):
        text = "\n".join((record["title"], *record["paragraphs"]))
        for count, piece in enumerate(pieces(text)):
            source = f"chinese_poetry/chinese_poetry.jsonl, line {line}"
            yield _text_row(f"{line}-{count}", piece, str(record["collection"]), source, "zh")


_LINE = re.compile(r"\n")
_WHOLE = re.compile(r"(?!)")
LM_TEXT_EN = PublicSet(
    name="lm_text_en",
    title="WikiText-2 (validation), novels and web pages",
    licence="CC-BY-SA-3.0 and public domain",
    repository="pytorch/examples",
    commit="77f55b912142",
    files=(),
    language="en",
    views={
        "wikitext2": _documents("lm_text_en", ("wikitext2_valid.txt",), "en", _HEADING),
        "wikipedia": _documents("lm_text_en", ("wiki_demo.txt",), "en", _LINE),
        "novels": _documents(
            "lm_text_en",
            tuple(
                f"gutenberg_{book}.txt"
                for book in ("alice", "moby_dick", "pride_and_prejudice", "sherlock_holmes")
            ),
            "en",
            _WHOLE,
        ),
        "web": _web,
    },
)
LM_TEXT_ZH = PublicSet(
    name="lm_text_zh",
    title="paragraphs of Chinese Wikipedia",
    licence="CC-BY-SA-4.0",
    repository="ymcui/cmrc2018",
    commit="c0eb1b6ba219",
    files=(),
    language="zh",
    views={"wikipedia": _documents("lm_text_zh", ("zh_wiki_paragraphs.txt",), "zh", _LINE)},
)
CHINESE_POETRY = PublicSet(
    name="chinese_poetry",
    title="classical Chinese poems and prose",
    licence="MIT",
    repository="chinese-poetry/chinese-poetry",
    commit="99ebbef7e134",
    files=(),
    language="zh",
    views={"texts": _poems},
)
