"""The bundled bilingual set: a bookshop's customer service."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from leitai.base.files import read_json
from leitai.data.lines import read_jsonl
from leitai.data.public import unknown_view
from leitai.data.rows import Row

LANGUAGES = ("zh", "en")

VIEWS = ("intents", "replies", "preferences", "translations")

_FOLDER = Path(str(files("leitai.data") / "bookshop"))


@dataclass(frozen=True, slots=True)
class Intent:
    """What customers may want; every text by language ("zh", "en").

    Attributes:
        id: the label.
        title: two or three words.
        description: one sentence on what belongs to it.
        reply: the shop's answer.
    """

    id: str
    title: dict[str, str]
    description: dict[str, str]
    reply: dict[str, str]


@cache
def intents() -> tuple[Intent, ...]:
    """Return the intents in their fixed order."""
    return tuple(Intent(**record) for record in read_json(_FOLDER / "intents.json"))


def rows(view: str = "intents") -> Sequence[Row]:
    """Return the set's rows: every utterance in Chinese and in English, with its fixed split.

    Args:
        view: "intents": the assistant answers with the intent's id, which is also the row's label;
            "replies": the assistant answers with the shop's reply;
            "preferences": the shop's reply, and rejected beside it that of another intent;
            "translations": one row for both languages, the question in Chinese and in English.

    Raises:
        LeitaiError: there is no such view.
    """
    if view not in VIEWS:
        raise unknown_view("bookshop", view, VIEWS)
    if view == "translations":
        return _translations()
    names = [intent.id for intent in intents()]
    replies = {intent.id: intent.reply for intent in intents()}
    result = []
    for line, record in read_jsonl(_FOLDER / "utterances.jsonl"):
        intent = record["intent"]
        for language in LANGUAGES:
            answer = intent if view == "intents" else replies[intent][language]
            question = {"role": "user", "content": record[language]}
            rejected = None
            if view == "preferences":
                # every other intent in turn, as the lines go on
                step = 1 + line % (len(names) - 1)
                other = names[(names.index(intent) + step) % len(names)]
                rejected = (question, {"role": "assistant", "content": replies[other][language]})
            result.append(
                Row(
                    id=f"{record['id']}-{language}",
                    messages=(question, {"role": "assistant", "content": answer}),
                    rejected=rejected,
                    source=f"bookshop/utterances.jsonl, line {line}",
                    label=intent if view == "intents" else None,
                    language=language,
                    group=record["id"],
                    split=record["split"],
                )
            )
    return result


def _translations() -> Sequence[Row]:
    return [
        Row(
            id=record["id"],
            messages=(
                {"role": "user", "content": record["zh"]},
                {"role": "assistant", "content": record["en"]},
            ),
            source=f"bookshop/utterances.jsonl, line {line}",
            group=record["id"],
            split=record["split"],
        )
        for line, record in read_jsonl(_FOLDER / "utterances.jsonl")
    ]
