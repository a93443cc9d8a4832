"""Records of four published formats to messages."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as field_
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.data.dialogue import check_dialogue, check_function_call, check_tools, nearest
from leitai.data.lines import parse_json
from leitai.data.rows import Message

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Example:
    """What a format knows of a record: the dialogue, and what belongs to it alone."""

    messages: tuple[Message, ...]
    label: str | None = None
    tools: tuple[dict[str, Any], ...] | None = None
    rejected: tuple[Message, ...] | None = None
    desirable: bool | None = None
    facts: Mapping[str, Any] = field_(default_factory=dict)


# OpenAI's names beside those that ShareGPT exports have used over the years.
_SHAREGPT_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "system": "system",
    "observation": "tool",
    "tool": "tool",
    "function_call": "assistant",
}


def read_messages(record: Record, where: str) -> Example:
    """Read ``{"messages": [...], "tools": [...]}``, OpenAI's fine-tuning format.

    Raises:
        LeitaiError: the dialogue is not valid; names the place.
    """
    return Example(
        check_dialogue(field(record, "messages", where), where),
        tools=check_tools(record.get("tools"), where),
    )


def read_sharegpt(record: Record, where: str) -> Example:
    """Read ``{"conversations": [{"from", "value"}], "system", "tools"}``.

    Raises:
        LeitaiError: the dialogue is not valid; names the place.
    """
    turns = field(record, "conversations", where)
    if not isinstance(turns, list):
        raise LeitaiError(
            '"conversations" must be a list',
            where=where,
            remedy='write [{"from": "human", "value": "..."}, ...]',
        )
    messages: list[Message] = []
    if record.get("system"):
        messages.append({"role": "system", "content": record["system"]})
    for number, turn in enumerate(turns):
        place = f"{where}, conversations[{number}]"
        if not isinstance(turn, dict) or not {"from", "value"} <= turn.keys():
            raise LeitaiError('expected "from" and "value"', where=place, remedy="add them")
        speaker = turn["from"]
        if speaker not in _SHAREGPT_ROLES:
            raise LeitaiError(
                f"unknown speaker {speaker!r}{nearest(str(speaker), _SHAREGPT_ROLES)}",
                where=f"{place}.from",
                remedy=f"use one of {', '.join(_SHAREGPT_ROLES)}",
            )
        message: Message = {"role": _SHAREGPT_ROLES[speaker], "content": turn["value"]}
        if speaker == "function_call":
            message = {"role": "assistant", "tool_calls": _calls(turn["value"], f"{place}.value")}
        messages.append(message)
    return Example(
        check_dialogue(messages, where, field="conversations"),
        tools=check_tools(record.get("tools"), where),
    )


def _calls(value: Any, place: str) -> list[dict[str, Any]]:
    calls = parse_json(value, place) if isinstance(value, str) else value
    calls = calls if isinstance(calls, list) else [calls]
    return [{"type": "function", "function": check_function_call(c, place)} for c in calls]


def read_alpaca(record: Record, where: str) -> Example:
    """Read ``{"instruction", "input", "output", "system", "history": [[question, answer]]}``.

    Instruction and input are joined by a line end.

    Raises:
        LeitaiError: a field is missing, empty or of a wrong type; names it.
    """
    messages: list[Message] = []
    if record.get("system"):
        messages.append({"role": "system", "content": record["system"]})
    for number, pair in enumerate(record.get("history") or []):
        if not isinstance(pair, list) or len(pair) != 2:
            raise LeitaiError(
                "expected [question, answer]", where=f"{where}, history[{number}]", remedy="fix it"
            )
        messages.append({"role": "user", "content": pair[0]})
        messages.append({"role": "assistant", "content": pair[1]})
    parts = [_text(record, name, where, "") for name in ("instruction", "input")]
    messages.append({"role": "user", "content": "\n".join(part for part in parts if part)})
    messages.append({"role": "assistant", "content": _text(record, "output", where)})
    for name in ("instruction", "output"):
        if not _text(record, name, where, "").strip() and not (
            name == "instruction" and parts[1].strip()
        ):
            raise LeitaiError(
                f'"{name}" is empty', where=where, remedy="fill it in or remove the row"
            )
    return Example(check_dialogue(messages, where, field="history"))


def read_labelled(record: Record, where: str, *, text: str, label: str) -> Example:
    """Read one row of a label table: the text is the question, the label the answer.

    Raises:
        LeitaiError: a column is missing, empty or of a wrong type; names it.
    """
    question = _text(record, text, where)
    answer = field(record, label, where)
    if isinstance(answer, int) and not isinstance(answer, bool):
        answer = str(answer)
    if not isinstance(answer, str):
        raise LeitaiError(
            f"expected a label, found {type(answer).__name__}",
            where=f'{where}, column "{label}"',
            remedy="write labels as text or whole numbers",
        )
    answer = answer.strip()
    for name, value in ((text, question), (label, answer)):
        if not value.strip():
            raise LeitaiError(
                "empty", where=f'{where}, column "{name}"', remedy="fill it in or remove the row"
            )
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return Example(check_dialogue(messages, where), label=answer)


def field(record: Record, name: str, where: str) -> Any:
    """Return a field that must be there.

    Raises:
        LeitaiError: it is missing; names what it may be called instead.
    """
    if name not in record:
        raise missing(name, record, where)
    return record[name]


def _text(record: Record, name: str, where: str, default: str | None = None) -> str:
    value = record.get(name)
    if value is None and default is not None:
        return default
    if name not in record:
        raise missing(name, record, where)
    if not isinstance(value, str):
        raise LeitaiError(
            f"expected text, found {type(value).__name__}",
            where=f'{where}, field "{name}"',
            remedy="write it as a string",
        )
    return value


def missing(name: str, fields: Iterable[str], where: str) -> LeitaiError:
    """Say that a field is missing, and which of those present it may be."""
    present = list(fields)
    return LeitaiError(
        f'no field "{name}"{nearest(name, present)}',
        where=where,
        remedy=f"present are: {', '.join(present[:12])}",
    )


DIALOGUE_READERS: dict[str, Callable[[Record, str], Example]] = {
    "messages": read_messages,
    "alpaca": read_alpaca,
    "sharegpt": read_sharegpt,
}
"""Format to reader, for the formats without column names to choose."""

TEXT_NAMES = ("text", "sentence", "utterance", "query", "question", "content")
LABEL_NAMES = ("label", "category", "intent")

_SIGNS = {
    "messages": {"messages"},
    "sharegpt": {"conversations"},
    "alpaca": {"instruction", "output"},
}


def refuse_preferences(record: Record, where: str) -> None:
    """Refuse pairs and votes (DPO, KTO), which hold answers that must not be learnt.

    Raises:
        LeitaiError: the record has a rejected answer or a yes/no label for a whole dialogue.
    """
    dialogue = {"messages", "conversations"} & record.keys()
    if {"chosen", "rejected"} <= record.keys():
        raise LeitaiError(
            "preference pairs (chosen and rejected), not examples to imitate",
            where=where,
            remedy="set format: preference and an objective such as dpo, or append the chosen "
            "answer to the dialogue and drop both fields",
        )
    if dialogue and isinstance(record.get("label", record.get("kto_tag")), bool):
        raise LeitaiError(
            "votes on answers (KTO), not examples to imitate",
            where=where,
            remedy="set format: vote and objective kto, or keep the rows whose label is true and "
            "drop that field",
        )


def guess_format(record: Record, where: str) -> str:
    """Return the one format that the first record's fields fit.

    Raises:
        LeitaiError: none or several fit.
    """
    fits = [name for name, signs in _SIGNS.items() if signs <= record.keys()]
    if not fits and any(n in record for n in TEXT_NAMES) and any(n in record for n in LABEL_NAMES):
        fits = ["labels"]
    if len(fits) == 1:
        return fits[0]
    raise LeitaiError(
        f"cannot tell the format from the fields {', '.join(list(record)[:12])}",
        where=where,
        remedy="set format: messages, alpaca, sharegpt or labels (with columns: text, label)",
    )


def guess_column(kind: str, names: tuple[str, ...], record: Record, where: str) -> str:
    """Return the one of `names` that the record has.

    Raises:
        LeitaiError: none or several are there.
    """
    fits = [name for name in names if name in record]
    if len(fits) == 1:
        return fits[0]
    found = f"several could be it: {', '.join(fits)}" if fits else "none of the usual names"
    raise LeitaiError(
        f"which column is the {kind}? {found}",
        where=where,
        remedy=f"set columns.{kind} to one of: {', '.join(list(record)[:12])}",
    )
