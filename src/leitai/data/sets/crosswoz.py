"""CrossWOZ: Chinese dialogues that find hotels, restaurants and sights in Beijing.

Its annotations do not say when a person should take over: NoOffer is a search without result, after
which the assistant itself goes on with another offer, and the "system" of every dialogue is a
person. So the set is used for the next turn only, and not for hand-off.
"""

from collections.abc import Iterator

from leitai.base.errors import LeitaiError
from leitai.data.lines import read_jsonl
from leitai.data.public import Find, PublicSet
from leitai.data.rows import Row
from leitai.data.source import Split
from leitai.data.turns import Dialogue, Turn, answers_of, vocabulary
from leitai.data.wordings import Templates, wording

SYSTEM: Templates = {
    "zh": (
        "你是北京旅行助手，帮用户查找景点、餐馆、酒店、地铁和出租车。请根据对话回答用户。",
        "请扮演北京旅游客服，用一两句话回答，前后说法要一致。",
        "你负责回答游客关于北京吃住行玩的问题，回答要简短。",
    ),
}

# Values of these slots name something; whether a price or a rating contradicts an earlier one
# depends on whose it is.
_NAMES = {"名称": "", "周边景点": "景点", "周边餐馆": "餐馆", "周边酒店": "酒店"}
_NOTHING = {"", "none", "无"}


def _dialogues(find: Find) -> Iterator[Dialogue]:
    path = find("val.jsonl")
    for line, record in read_jsonl(path):
        try:
            turns = tuple(
                Turn(
                    "user" if message["role"] == "usr" else "assistant",
                    message["content"],
                    _values(message["dialog_act"]),
                )
                for message in record["messages"]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise LeitaiError(
                f"not in CrossWOZ's format ({error!r})",
                where=f"{path}, line {line}",
                remedy="see docs/evaluation.md for the expected fields",
            ) from error
        yield Dialogue(str(record["id"]), turns, f"crosswoz/val.jsonl, line {line}")


def _values(acts: list[list[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for act, domain, slot, value in acts:
        if act in ("Inform", "Recommend") and slot in _NAMES and value not in _NOTHING:
            found.setdefault(f"{_NAMES[slot] or domain}-名称", []).append(value)
    return found


def next_turns(find: Find, number: int) -> Iterator[Row]:
    """Yield each answer of the assistant after the dialogue before it.

    Raises:
        LeitaiError: the file is missing or of another format, or there is no such template.
    """
    system = wording(SYSTEM, "zh", number, "dialogues")
    found = list(_dialogues(find))
    known = vocabulary(found)
    for dialogue in found:
        yield from answers_of(dialogue, known, language="zh", system=system)


CROSSWOZ = PublicSet(
    name="crosswoz",
    title="dialogues with a Beijing travel assistant (the official validation part)",
    licence="Apache-2.0",
    repository="thu-coai/CrossWOZ",
    commit="df82c9fdff91",
    files=(),
    language="zh",
    views={"dialogues": next_turns},
    split=Split(validation=0.1, test=0.3, by="group"),
)
