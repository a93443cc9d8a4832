"""The bundled bilingual set: a bookshop's customer service."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path

from leitai.base.files import read_json
from leitai.data.bookshop_answers import ANSWER_VIEWS, answer_rows
from leitai.data.bookshop_dialogues import handoffs, next_turns
from leitai.data.bookshop_histories import (
    explained_recommendations,
    listed_recommendations,
    recommendations,
)
from leitai.data.lines import read_jsonl
from leitai.data.public import unknown_view
from leitai.data.rows import Row

LANGUAGES = ("zh", "en")

_ASKED: Mapping[str, Callable[[int], Iterable[Row]]] = {
    "handoff": partial(handoffs, reasons=False),
    "handoff_reasons": partial(handoffs, reasons=True),
    "dialogues": next_turns,
    "recommendation": recommendations,
    "recommendation_listed": listed_recommendations,
    "recommendation_reasons": explained_recommendations,
    **{view: partial(answer_rows, view) for view in ANSWER_VIEWS},
}
"""Views whose rows are asked with the template of a number."""

VIEWS = ("intents", "replies", "preferences", "translations", *_ASKED)

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


def rows(view: str = "intents", template: int = 0) -> Sequence[Row]:
    """Return the set's rows in Chinese and in English, with their fixed splits.

    Args:
        view: "intents": the assistant answers with the intent's id, which is also the row's label;
            "replies": the assistant answers with the shop's reply;
            "preferences": the shop's reply, and rejected beside it that of another intent;
            "translations": one row for both languages, the question in Chinese and in English;
            "handoff", "handoff_reasons": whether a person must take a conversation over;
            "dialogues": what the assistant says next;
            "recommendation", "recommendation_listed", "recommendation_reasons": the next book;
            "passages", "queries", "translate", "writing", "quiz" and "sums": questions with answers
            that a task grades, see `leitai.data.bookshop_answers`.
        template: which wording, for the views that ask a question of their own.

    Raises:
        LeitaiError: there is no such view, or it has no such template.
    """
    if view not in VIEWS:
        raise unknown_view("bookshop", view, VIEWS)
    if view in _ASKED:
        return list(_ASKED[view](template))
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
