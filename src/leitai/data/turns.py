"""Dialogues to rows: every answer of the assistant is asked after the true dialogue before it."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from leitai.data.rows import Row
from leitai.data.source import SplitName

RIVALS = 64
"""How many other values of a slot are looked for, the most frequent ones of the set."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One side's words, and the values that they give to slots."""

    role: Literal["user", "assistant"]
    text: str
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Turns that alternate, the user's first."""

    id: str
    turns: tuple[Turn, ...]
    source: str
    split: SplitName | None = None


def vocabulary(dialogues: Iterable[Dialogue]) -> dict[str, list[str]]:
    """Return the values of each slot in all dialogues, the most frequent first."""
    counts: dict[str, Counter[str]] = {}
    for dialogue in dialogues:
        for turn in dialogue.turns:
            for slot, values in turn.values.items():
                counts.setdefault(slot, Counter()).update(values)
    return {
        slot: sorted(counter, key=lambda value: (-counter[value], value))
        for slot, counter in counts.items()
    }


def answers_of(
    dialogue: Dialogue,
    known: Mapping[str, Sequence[str]],
    *,
    language: str,
    system: str,
    facts: Mapping[str, str] | None = None,
) -> Iterator[Row]:
    """Yield a row for each answer of the assistant; their group is the dialogue.

    A row's facts say what would contradict the dialogue. ``rivals`` are, for each slot that has a
    value by then, the set's other values of it; ``accepted`` are the values that the dialogue and
    the reference name. A slot to which the reference gives a new value is open, and has no rivals;
    nor is a value a rival that stands anywhere in the dialogue so far or in the reference.

    Args:
        dialogue: with the values of its turns.
        known: the set's `vocabulary`.
        language: of the dialogue.
        system: the system message.
        facts: further facts of every row.
    """
    state: dict[str, list[str]] = {}
    messages: list[dict[str, str]] = [{"role": "system", "content": system}]
    for number, turn in enumerate(dialogue.turns):
        if turn.role == "assistant":
            told = "\n".join([*(message["content"] for message in messages), turn.text])
            settled = [
                slot
                for slot, values in state.items()
                if set(turn.values.get(slot, ())) <= set(values)
            ]
            rivals = {
                slot: [v for v in known.get(slot, ())[:RIVALS] if not names(told, v)]
                for slot in settled
            }
            accepted = {value for values in state.values() for value in values}
            accepted.update(value for values in turn.values.values() for value in values)
            yield Row(
                id=f"{dialogue.id}-{number}-{language}",
                messages=(*messages, {"role": "assistant", "content": turn.text}),
                source=f"{dialogue.source}, turn {number + 1}",
                language=language,
                group=dialogue.id,
                split=dialogue.split,
                facts={
                    **(facts or {}),
                    "accepted": sorted(accepted),
                    "rivals": {slot: values for slot, values in rivals.items() if values},
                },
            )
        for slot, values in turn.values.items():
            state[slot] = list(dict.fromkeys([*state.get(slot, ()), *values]))
        messages.append({"role": turn.role, "content": turn.text})


def names(text: str, value: str) -> bool:
    """Tell whether a text names a value, whatever its case; Latin words only as a whole."""
    return value.casefold() in text.casefold() and pattern_of(value).search(text) is not None


@cache
def pattern_of(value: str) -> re.Pattern[str]:
    """Return the pattern that finds a value in a text."""
    before = r"(?<![a-z0-9])" if re.match(r"[a-z0-9]", value, re.I) else ""
    after = r"(?![a-z0-9])" if re.search(r"[a-z0-9]$", value, re.I) else ""
    return re.compile(before + re.escape(value) + after, re.I)
