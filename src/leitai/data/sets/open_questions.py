"""Natural Questions in its open form (Lee et al., 2019): questions without a passage."""

from collections.abc import Iterator

from leitai.data.lines import read_jsonl
from leitai.data.public import Find, PublicSet
from leitai.data.rows import Row
from leitai.data.wordings import Templates, asked, wording

TEMPLATES: Templates = {
    "en": (
        "Answer the question in a few words. Write only the answer.\n\nQuestion: {question}?",
        "{question}?\nGive the shortest correct answer and nothing else.",
        "Q: {question}?\nA (a name, a date or a few words):",
    ),
}


def _questions(find: Find, number: int) -> Iterator[Row]:
    template = wording(TEMPLATES, "en", number, "nq_open questions")
    for line, record in read_jsonl(find("NQ-open.dev.jsonl")):
        accepted = list(record["answer"])
        yield asked(
            str(line),
            template.format(question=record["question"]),
            accepted[0],
            source=f"nq_open/NQ-open.dev.jsonl, line {line}",
            language="en",
            facts={"answers": accepted, "scoring": "squad"},
        )


NQ_OPEN = PublicSet(
    name="nq_open",
    title="short answers to questions of a search engine, from memory",
    licence="CC-BY-SA-3.0",
    repository="google-research-datasets/natural-questions",
    commit="fb26a3073b1f",
    files=(),
    language="en",
    views={"questions": _questions},
)
