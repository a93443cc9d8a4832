"""SQuAD's file format, which CMRC 2018, DRCD and XQuAD share: passages, questions, spans."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from leitai.base.errors import LeitaiError
from leitai.data.lines import open_bytes, parse_json
from leitai.data.public import Find, PublicSet, Reader
from leitai.data.rows import Row
from leitai.data.wordings import Templates, asked, wording

TEMPLATES: Templates = {
    "zh": (
        "请阅读文章，并用文章中最短的原文片段回答问题，只写答案。\n\n"
        "文章：{passage}\n\n问题：{question}",
        "{passage}\n\n根据上文回答：{question}\n请直接摘录原文，不要解释。",
        "问题：{question}\n\n请在下面的文章里找出答案，原样写出来，不写别的。\n\n{passage}",
    ),
    "en": (
        "Read the passage and answer the question with the shortest span copied from it. "
        "Write only the answer.\n\nPassage: {passage}\n\nQuestion: {question}",
        "{passage}\n\nFrom the text above: {question}\n"
        "Copy the words of the text, without any explanation.",
        "Question: {question}\n\nFind the answer in the text below and copy it exactly; "
        "write nothing else.\n\n{passage}",
    ),
}


def read_squad(
    path: Path, shown: str, *, language: str, scoring: str, number: int
) -> Iterator[Row]:
    """Yield a row for every question; its group is the passage.

    Args:
        path: the JSON file, plain or .gz.
        shown: what a row's source calls it.
        language: of the passages and of the question around them.
        scoring: the official way to score the set, see `leitai.evaluation.metrics.spans`.
        number: of the template.

    Raises:
        LeitaiError: the file is not of the format, or there is no such template.
    """
    template = wording(TEMPLATES, language, number, shown)
    with open_bytes(path) as file:
        data = parse_json(file.read().decode("utf-8"), str(path))
    try:
        for article_number, article in enumerate(data["data"]):
            for place, paragraph in enumerate(article["paragraphs"]):
                passage = paragraph["context"]
                group = str(paragraph.get("id") or f"{article_number}-{place}")
                for asking in paragraph["qas"]:
                    accepted = list(dict.fromkeys(a["text"] for a in asking["answers"]))
                    question = asking["question"].strip()
                    yield asked(
                        f"{language}-{asking['id']}",
                        template.format(passage=passage, question=question),
                        accepted[0],
                        source=f"{shown}, question {asking['id']}",
                        language=language,
                        group=group,
                        facts={"answers": accepted, "scoring": scoring},
                    )
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise LeitaiError(
            f"not in SQuAD's format ({error!r})", where=path, remedy="take the published file"
        ) from error


def _files(name: str, files: tuple[str, ...], language: str, scoring: str) -> Reader:
    def read(find: Find, number: int) -> Iterator[Row]:
        for file in files:
            shown = f"{name}/{file}"
            yield from read_squad(
                find(file), shown, language=language, scoring=scoring, number=number
            )

    return read


def _xquad(find: Find, number: int) -> Iterator[Row]:
    for language, scoring in (("zh", "characters"), ("en", "squad")):
        file = f"xquad.{language}.json"
        read = partial(read_squad, language=language, scoring=scoring, number=number)
        yield from read(find(file), f"xquad/{file}")


CMRC2018 = PublicSet(
    name="cmrc2018",
    title="spans of Chinese Wikipedia passages as answers",
    licence="CC-BY-SA-4.0",
    repository="ymcui/cmrc2018",
    commit="c0eb1b6ba219",
    files=(),
    language="zh",
    views={
        "dev": _files("cmrc2018", ("dev.json",), "zh", "cmrc2018"),
        "trial": _files("cmrc2018", ("trial.json",), "zh", "cmrc2018"),
    },
)
DRCD = PublicSet(
    name="drcd",
    title="spans of Chinese Wikipedia passages as answers, traditional characters",
    licence="CC-BY-SA-3.0",
    repository="DRCKnowledgeTeam/DRCD",
    commit="b944790de5af",
    files=(),
    language="zh",
    views={"dev": _files("drcd", ("DRCD_dev.json",), "zh", "characters")},
)
XQUAD = PublicSet(
    name="xquad",
    title="SQuAD passages and questions, the same in Chinese and English",
    licence="CC-BY-SA-4.0",
    repository="google-deepmind/xquad",
    commit="7d30520c7175",
    files=(),
    views={
        "questions": _xquad,
        "zh": _files("xquad", ("xquad.zh.json",), "zh", "characters"),
        "en": _files("xquad", ("xquad.en.json",), "en", "squad"),
    },
)
