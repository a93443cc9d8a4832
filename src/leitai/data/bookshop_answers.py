"""The bookshop's views with questions to answer: passages, a graph, translations, sums, writing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

from leitai.base.files import read_text
from leitai.data.lines import read_jsonl
from leitai.data.rows import Row
from leitai.data.sets.exams import choice_question
from leitai.data.sets.translations import translation
from leitai.data.sets.word_problems import TEMPLATES as SUMS
from leitai.data.wordings import Templates, asked, wording

_FOLDER = Path(str(files("leitai.data") / "bookshop"))
_LANGUAGES = ("zh", "en")

NO_ANSWER = MappingProxyType({"zh": "无法回答", "en": "unanswerable"})
"""What is to be written where the passage does not say."""

_PASSAGES: Templates = {
    "zh": (
        "请阅读文章，并用文章中最短的原文片段回答问题，只写答案。"
        "如果文章没有说，就写“无法回答”。\n\n文章：{passage}\n\n问题：{question}",
        "{passage}\n\n根据上文回答：{question}\n请直接摘录原文；文中没有答案时写“无法回答”。",
    ),
    "en": (
        "Read the passage and answer the question with the shortest span copied from it. Write "
        'only the answer. If the passage does not say, write "unanswerable".\n\n'
        "Passage: {passage}\n\nQuestion: {question}",
        "{passage}\n\nFrom the text above: {question}\nCopy the words of the text; where it does "
        'not say, write "unanswerable".',
    ),
}
_QUERIES: Templates = {
    "zh": (
        "灯下书店的知识图谱用前缀 PREFIX : <https://lamplight.example/>。\n"
        "书 (:Book) 有 :titleZh, :author, :genre, :publisher, :year, :price, :stock, :language；\n"
        "作者 (:Author) 有 :nameZh, :bornInZh, :birthYear；"
        "出版社 (:Publisher) 和类型 (:Genre) 有 :nameZh。\n"
        "类型有 :novel, :poetry, :science, :children, :cookery。\n"
        "请写一个 SPARQL 查询回答问题，只写查询。\n\n问题：{question}",
        "前缀：PREFIX : <https://lamplight.example/>\n"
        "类与属性：:Book(:titleZh :author :genre :publisher :year :price :stock :language) "
        ":Author(:nameZh :bornInZh :birthYear) :Publisher(:nameZh) :Genre(:nameZh)\n"
        "类型：:novel :poetry :science :children :cookery\n\n"
        "把下面的问题译成 SPARQL，不要解释：{question}",
    ),
    "en": (
        "The knowledge graph of Lamplight Books uses PREFIX : <https://lamplight.example/>.\n"
        "A book (:Book) has :titleEn, :author, :genre, :publisher, :year, :price, :stock and "
        ":language;\nan author (:Author) has :nameEn, :bornInEn and :birthYear; a publisher "
        "(:Publisher) and a genre (:Genre) have :nameEn.\n"
        "The genres are :novel, :poetry, :science, :children and :cookery.\n"
        "Write a SPARQL query that answers the question. Write only the query.\n\n"
        "Question: {question}",
        "Prefix: PREFIX : <https://lamplight.example/>\n"
        "Classes and properties: :Book(:titleEn :author :genre :publisher :year :price :stock "
        ":language) :Author(:nameEn :bornInEn :birthYear) :Publisher(:nameEn) :Genre(:nameEn)\n"
        "Genres: :novel :poetry :science :children :cookery\n\n"
        "Turn this question into SPARQL, without any explanation: {question}",
    ),
}


def graph() -> str:
    """Return the bookshop's knowledge graph in Turtle."""
    return read_text(_FOLDER / "graph.ttl")


def _records(name: str) -> Iterator[tuple[str, Any, str]]:
    """Yield (place, record, language) for both languages of every line."""
    for line, record in read_jsonl(_FOLDER / name):
        for language in _LANGUAGES:
            yield f"bookshop/{name}, line {line}", record, language


def _passages(number: int) -> Iterator[Row]:
    for place, record, language in _records("passages.jsonl"):
        own = record[language]
        template = wording(_PASSAGES, language, number, "bookshop passages")
        yield asked(
            f"{record['id']}-{language}",
            template.format(passage=own["passage"], question=own["question"]),
            own["answer"] or NO_ANSWER[language],
            source=place,
            language=language,
            group=record["passage"],
            split=record["split"],
            facts={"answers": [own["answer"]] if own["answer"] else []},
        )


def _queries(number: int) -> Iterator[Row]:
    for place, record, language in _records("queries.jsonl"):
        template = wording(_QUERIES, language, number, "bookshop queries")
        yield asked(
            f"{record['id']}-{language}",
            template.format(question=record[language]),
            record[f"query_{language}"],
            source=place,
            language=language,
            group=record["id"],
            split=record["split"],
            facts={"graph": "bookshop"},
        )


def _sums(number: int) -> Iterator[Row]:
    for place, record, language in _records("sums.jsonl"):
        template = wording(SUMS, language, number, "bookshop sums")
        yield asked(
            f"{record['id']}-{language}",
            template.format(question=record[language]),
            f"#### {record['answer']}",
            source=place,
            language=language,
            group=record["id"],
            split=record["split"],
            facts={"answers": [record["answer"]]},
        )


def _quiz(number: int) -> Iterator[Row]:
    for place, record, language in _records("quiz.jsonl"):
        own = record[language]
        yield choice_question(
            f"{record['id']}-{language}",
            own["question"],
            own["choices"],
            own["right"],
            language=language,
            number=number,
            source=place,
            split=record["split"],
            group=record["id"],
        )


def _writing(number: int) -> Iterator[Row]:
    for place, record, language in _records("writing.jsonl"):
        own = record[language]
        yield asked(
            f"{record['id']}-{language}",
            wording({language: ("{prompt}",)}, language, number, "bookshop writing").format(
                prompt=own["prompt"]
            ),
            own["example"],
            source=place,
            language=language,
            group=record["id"],
            split=record["split"],
            facts={"constraints": own["constraints"]},
        )


def _translate(number: int) -> Iterator[Row]:
    """Both directions of what customers write."""
    for place, record, target in _records("utterances.jsonl"):
        yield translation(
            f"{record['id']}-to-{target}",
            record["en" if target == "zh" else "zh"],
            record[target],
            target=target,
            source=place,
            number=number,
            group=record["id"],
            split=record["split"],
        )


ANSWER_VIEWS: Mapping[str, Callable[[int], Iterator[Row]]] = MappingProxyType(
    {
        "passages": _passages,
        "queries": _queries,
        "translate": _translate,
        "writing": _writing,
        "quiz": _quiz,
        "sums": _sums,
    }
)
"""By name; each takes the number of the template."""


def answer_rows(view: str, template: int) -> Sequence[Row]:
    """Return the rows of one of these views.

    Raises:
        LeitaiError: the view has no such template.
    """
    return list(ANSWER_VIEWS[view](template))
