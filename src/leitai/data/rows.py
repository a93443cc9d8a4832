"""What every reader yields: a row of messages with its provenance."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Message = dict[str, Any]
"""A message in the OpenAI form: role, content, and perhaps reasoning_content or tool_calls."""


@dataclass(frozen=True, slots=True)
class Row:
    """One example.

    Attributes:
        id: unique within its data set.
        messages: the dialogue; a row to train on ends with the assistant's answer.
        source: where the row stands, as an error message would name it ("train.csv, line 12").
        label: for label tables, the answer's label.
        language: "zh", "en" or None when unknown.
        group: rows of one group are never parted by a split.
        split: "train", "validation" or "test" where the data set fixes it.
        tools: JSON schemas of the tools that the assistant may call.
        rejected: for a preference, the same dialogue with the worse answer at its end.
        desirable: for a vote, whether the answer is one to give.
        facts: what grading needs beside the reference answer, as JSON values: every accepted
            answer, the choices, a history, keywords.
    """

    id: str
    messages: tuple[Message, ...]
    source: str
    label: str | None = None
    language: str | None = None
    group: str | None = None
    split: str | None = None
    tools: tuple[Message, ...] | None = None
    rejected: tuple[Message, ...] | None = None
    desirable: bool | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def with_system(messages: tuple[Message, ...], system: str | None) -> tuple[Message, ...]:
    """Put a system message in front, unless none is wanted or the dialogue brings its own."""
    if system is None or (messages and messages[0]["role"] == "system"):
        return messages
    return ({"role": "system", "content": system}, *messages)


def row_with(row: Row, change: Callable[[tuple[Message, ...]], tuple[Message, ...]]) -> Row:
    """Change a row's dialogue, and the rejected one beside it alike."""
    rejected = None if row.rejected is None else change(row.rejected)
    return replace(row, messages=change(row.messages), rejected=rejected)
