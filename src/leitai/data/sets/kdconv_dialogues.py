"""KdConv's dialogues about film, music and travel, with the knowledge that each turn uses."""

from collections.abc import Iterator
from dataclasses import replace

from leitai.base.errors import LeitaiError
from leitai.data.lines import read_jsonl
from leitai.data.public import Find
from leitai.data.rows import Row
from leitai.data.turns import Dialogue, Turn, answers_of, vocabulary
from leitai.data.wordings import Templates, wording

SYSTEM: Templates = {
    "zh": (
        "你在和用户聊电影、音乐和旅行，请自然地接着说一两句。",
        "请像朋友一样聊天，回答要符合事实，并与前面说过的内容一致。",
        "继续下面的聊天，每次只说一两句话。",
    ),
}
_KNOWLEDGE = "可以参考的知识：\n{facts}"
_FILES = ("film_dev.jsonl", "music_dev.jsonl", "travel_dev.jsonl")
_LONGEST = 20
"""Longer attribute values are whole paragraphs, which nobody names."""


def _read(find: Find) -> Iterator[tuple[Dialogue, list[str]]]:
    """Yield each dialogue, and for each of its turns the knowledge that it uses, as text."""
    for name in _FILES:
        path = find(name)
        for line, record in read_jsonl(path):
            turns, knowledge = [], []
            try:
                for place, message in enumerate(record["messages"]):
                    triples = [
                        (t["name"], t["attrname"], t["attrvalue"]) for t in message.get("attrs", ())
                    ]
                    values: dict[str, list[str]] = {}
                    for _, attribute, value in triples:
                        if 1 < len(value) <= _LONGEST:
                            values.setdefault(attribute, []).append(value)
                    text = message["message"]
                    turns.append(Turn("assistant" if place % 2 else "user", text, values))
                    knowledge.append("\n".join(f"{n}，{a}：{v}" for n, a, v in triples))
            except (KeyError, TypeError) as error:
                raise LeitaiError(
                    f"not in KdConv's format ({error!r})",
                    where=f"{path}, line {line}",
                    remedy="see docs/evaluation.md for the expected fields",
                ) from error
            identity = f"{name.removesuffix('_dev.jsonl')}-{line}"
            yield Dialogue(identity, tuple(turns), f"kdconv/{name}, line {line}"), knowledge


def next_turns(find: Find, number: int) -> Iterator[Row]:
    """Yield each second speaker's turn after the dialogue before it.

    Raises:
        LeitaiError: a file is missing or of another format, or there is no such template.
    """
    system = wording(SYSTEM, "zh", number, "dialogues")
    found = [dialogue for dialogue, _ in _read(find)]
    known = vocabulary(found)
    for dialogue in found:
        yield from answers_of(dialogue, known, language="zh", system=system)


def grounded_turns(find: Find, number: int) -> Iterator[Row]:
    """Yield the same where the turn uses knowledge, which the system message then holds.

    Raises:
        LeitaiError: as `next_turns`.
    """
    system = wording(SYSTEM, "zh", number, "grounded")
    found = list(_read(find))
    known = vocabulary(dialogue for dialogue, _ in found)
    for dialogue, knowledge in found:
        rows = answers_of(dialogue, known, language="zh", system=system)
        answers = [place for place, turn in enumerate(dialogue.turns) if turn.role == "assistant"]
        for place, row in zip(answers, rows, strict=True):
            if knowledge[place]:
                told = f"{system}\n{_KNOWLEDGE.format(facts=knowledge[place])}"
                messages = ({"role": "system", "content": told}, *row.messages[1:])
                yield replace(row, messages=messages)
