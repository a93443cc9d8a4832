"""Schema-Guided Dialogue: bookings, banking, media and other services, in English."""

from collections.abc import Iterator
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.data.lines import read_jsonl
from leitai.data.public import Find, PublicSet
from leitai.data.rows import Row
from leitai.data.source import Split, SplitName
from leitai.data.turns import Dialogue, Turn, answers_of, vocabulary
from leitai.data.wordings import Templates, wording

SYSTEM: Templates = {
    "en": (
        "You are an assistant that finds and books things for the user. Answer in one or two "
        "sentences.",
        "You help users with services such as restaurants, travel, banking and media. Keep to what "
        "was said before.",
        "Continue the conversation as a helpful booking assistant. Be brief.",
    ),
}
_FILES: tuple[tuple[str, SplitName], ...] = (("train.jsonl", "train"), ("dev.jsonl", "test"))


def _dialogues(find: Find) -> Iterator[Dialogue]:
    for name, split in _FILES:
        path = find(name)
        for line, record in read_jsonl(path):
            try:
                turns = tuple(
                    Turn(
                        "user" if turn["speaker"] == "USER" else "assistant",
                        turn["utterance"],
                        _values(turn["frames"]),
                    )
                    for turn in record["turns"]
                )
                identity = f"{split}-{record['dialogue_id']}"
            except (KeyError, TypeError, ValueError) as error:
                raise LeitaiError(
                    f"not in the reduced SGD format ({error!r})",
                    where=f"{path}, line {line}",
                    remedy="see docs/evaluation.md for the expected fields",
                ) from error
            yield Dialogue(identity, turns, f"sgd/{name}, line {line}", split)


def _values(frames: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Collect what is named in words; dates, times and numbers are written in too many ways."""
    found: dict[str, list[str]] = {}
    for frame in frames:
        for _, slot, values in frame["acts"]:
            if not slot or slot == "intent" or "date" in slot or "time" in slot:
                continue
            named = [v for v in values if len(v) > 2 and not any(c.isdigit() for c in v)]
            if named := [v for v in named if v not in ("True", "False", "dontcare")]:
                found.setdefault(slot, []).extend(named)
    return found


def next_turns(find: Find, number: int) -> Iterator[Row]:
    """Yield each answer of the assistant after the dialogue before it.

    Raises:
        LeitaiError: a file is missing or of another format, or there is no such template.
    """
    system = wording(SYSTEM, "en", number, "dialogues")
    found = list(_dialogues(find))
    known = vocabulary(found)
    for dialogue in found:
        yield from answers_of(dialogue, known, language="en", system=system)


SGD = PublicSet(
    name="sgd",
    title="task-oriented dialogues about many services (a sample; its dev part tests)",
    licence="CC-BY-SA-4.0",
    repository="google-research-datasets/dstc8-schema-guided-dialogue",
    commit="e852981ae349",
    files=(),
    language="en",
    views={"dialogues": next_turns},
    split=Split(validation=0.1, test=0.0, by="group"),
)
