"""Records of two published preference formats: pairs of answers, and votes on single ones."""

from collections.abc import Callable
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.data.dialogue import check_dialogue, check_tools
from leitai.data.formats import Example, Record, field, missing
from leitai.data.rows import Message


def read_preference(record: Record, where: str) -> Example:
    """Read ``{"prompt": [...], "chosen": [...], "rejected": [...]}``, trl's preference format.

    Prompt and answers are lists of messages, or texts: then the prompt is the user's and the
    answers are the assistant's. ``messages`` is understood for ``prompt``. Without a prompt, both
    answers are whole dialogues that differ in their end alone.

    Raises:
        LeitaiError: a field is missing, a dialogue is not valid, the two answers are equal or
            follow on different prompts; names the place.
    """
    prompt = _prompt(record, where)
    tools = check_tools(record.get("tools"), where)
    both = [
        check_dialogue([*prompt, *_answer(record, name, where)], where, field=name)
        for name in ("chosen", "rejected")
    ]
    chosen, rejected = both
    if chosen == rejected:
        raise LeitaiError(
            "chosen and rejected are the same",
            where=where,
            remedy="remove the row: there is nothing to prefer",
        )
    if chosen[:-1] != rejected[:-1]:
        raise LeitaiError(
            "chosen and rejected differ before the last message",
            where=where,
            remedy="give both the same prompt; only the last answer may differ",
        )
    return Example(chosen, tools=tools, rejected=rejected)


def read_vote(record: Record, where: str) -> Example:
    """Read ``{"prompt": [...], "completion": [...], "label": true}``, trl's unpaired preference.

    Raises:
        LeitaiError: a field is missing, the label is not true or false, or the dialogue is not
            valid; names the place.
    """
    label = field(record, "label", where)
    if not isinstance(label, bool):
        raise LeitaiError(
            f"expected true or false, found {label!r}",
            where=f'{where}, field "label"',
            remedy="write true for an answer to give, false for one to avoid",
        )
    field(record, "completion", where)
    messages = [*_prompt(record, where), *_answer(record, "completion", where)]
    return Example(
        check_dialogue(messages, where, field="completion"),
        tools=check_tools(record.get("tools"), where),
        desirable=label,
    )


def _prompt(record: Record, where: str) -> list[Message]:
    name = "messages" if "messages" in record and "prompt" not in record else "prompt"
    value = record.get(name)
    if value is None:
        return []
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    if not isinstance(value, list):
        raise _wrong(value, name, where)
    return value


def _answer(record: Record, name: str, where: str) -> list[Message]:
    if name not in record:
        raise missing(name, record, where)
    value = record[name]
    if isinstance(value, str):
        return [{"role": "assistant", "content": value}]
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list) or not value:
        raise _wrong(value, name, where)
    return value


def _wrong(value: Any, name: str, where: str) -> LeitaiError:
    return LeitaiError(
        f"expected a text or a list of messages, found {type(value).__name__}",
        where=f'{where}, field "{name}"',
        remedy='write [{"role": "assistant", "content": "..."}]',
    )


PREFERENCE_READERS: dict[str, Callable[[Record, str], Example]] = {
    "preference": read_preference,
    "vote": read_vote,
}
"""Format to reader, for rows that hold answers not to be imitated."""
