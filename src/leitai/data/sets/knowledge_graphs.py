"""Questions to knowledge graphs: QALD-10 (Wikidata), LC-QuAD (DBpedia), KdConv (given triples)."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from leitai.data.lines import read_jsonl
from leitai.data.public import Find, PublicSet
from leitai.data.rows import Row
from leitai.data.sets import kdconv_dialogues
from leitai.data.source import Split
from leitai.data.wordings import Templates, asked, wording

QUERY: Templates = {
    "zh": (
        "把下面的问题写成一个可以在 {graph} 上执行的 SPARQL 查询，只写查询。\n\n问题：{question}",
        "问题：{question}\n\n请给出回答它的 SPARQL 查询（{graph}），不要解释。",
    ),
    "en": (
        "Write a SPARQL query on {graph} that answers the question. Write only the query.\n\n"
        "Question: {question}",
        "Question: {question}\n\nGive the SPARQL query on {graph} that answers it, "
        "without any explanation.",
    ),
}
TRIPLES: Templates = {
    "zh": (
        "请根据下面的知识回答问题，只写答案。\n\n知识：\n{triples}\n\n问题：{question}",
        "问题：{question}\n\n答案就在这些三元组里，请原样写出：\n{triples}",
    ),
}
LONGEST = 40
"""Characters of the longest value that is asked for; beyond it stand whole descriptions."""


def _qald(find: Find, number: int) -> Iterator[Row]:
    for line, record in read_jsonl(find("qald10.jsonl")):
        for spoken in record["question"]:
            if spoken["language"] not in QUERY:
                continue
            template = wording(QUERY, spoken["language"], number, "qald10 queries")
            yield asked(
                f"{record['id']}-{spoken['language']}",
                template.format(graph="Wikidata", question=spoken["string"]),
                record["query"]["sparql"],
                source=f"qald10/qald10.jsonl, line {line}",
                language=spoken["language"],
                group=str(record["id"]),
            )


def _lcquad(find: Find, number: int) -> Iterator[Row]:
    template = wording(QUERY, "en", number, "lcquad queries")
    for line, record in read_jsonl(find("train.jsonl")):
        yield asked(
            str(record["id"]),
            template.format(graph="DBpedia", question=record["question"]),
            record["sparql_query"],
            source=f"lcquad/train.jsonl, line {line}",
            language="en",
            split=None,
        )


def kdconv_triples(find: Find, number: int) -> Iterator[Row]:
    """Ask what a dialogue's answer took from one triple; the dialogue's other triples distract."""
    template = wording(TRIPLES, "zh", number, "kdconv triples")
    for domain in ("travel", "music", "film"):
        for line, dialogue in read_jsonl(find(f"{domain}_dev.jsonl")):
            turns = dialogue["messages"]
            shown = "\n".join(
                dict.fromkeys(
                    f"{a['name']} | {a['attrname']} | {a['attrvalue']}"
                    for turn in turns
                    for a in turn.get("attrs", ())
                )
            )
            for place, (before, turn) in enumerate(pairwise(turns)):
                value = _value(before, turn)
                if value is None:
                    continue
                identity = f"{domain}-{line}-{place}"
                yield asked(
                    identity,
                    template.format(triples=shown, question=before["message"]),
                    value,
                    source=f"kdconv/{domain}_dev.jsonl, line {line}",
                    language="zh",
                    split=None,
                    group=f"{domain}-{line}",
                    facts={"answers": [value], "scoring": "characters"},
                )


def _value(before: dict[str, Any], turn: dict[str, Any]) -> str | None:
    """Return the one value that a question asks for and its answer repeats, if it is so."""
    attributes = turn.get("attrs", ())
    if len(attributes) != 1 or not before["message"].rstrip().endswith(("？", "?")):
        return None
    value = str(attributes[0]["attrvalue"]).strip()
    return value if value and len(value) <= LONGEST and value in turn["message"] else None


QALD10 = PublicSet(
    name="qald10",
    title="questions with SPARQL on Wikidata, in Chinese and English",
    licence="MIT",
    repository="KGQA/QALD-10",
    commit="89caa86371c7",
    files=(),
    views={"queries": _qald},
)
LCQUAD = PublicSet(
    name="lcquad",
    title="questions with SPARQL on DBpedia (the official training part)",
    licence="GPL-3.0",
    repository="AskNowQA/LC-QuAD",
    commit="9b8c16a87091",
    files=(),
    language="en",
    views={"queries": _lcquad},
    split=Split(validation=0.1, test=0.2),
)
KDCONV = PublicSet(
    name="kdconv",
    title="chats on film, music and travel, and questions answered from their triples",
    licence="Apache-2.0",
    repository="thu-coai/KdConv",
    commit="653db76432de",
    files=(),
    language="zh",
    views={
        "triples": kdconv_triples,
        "dialogues": kdconv_dialogues.next_turns,
        "grounded": kdconv_dialogues.grounded_turns,
    },
    split=Split(validation=0.1, test=0.3, by="group"),
)
