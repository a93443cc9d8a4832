"""What a dialogue may look like, checked message by message."""

import difflib
import json
from collections.abc import Iterable
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.data.rows import Message

ROLES = ("system", "user", "assistant", "tool")
ROW_LIMIT = 1_000_000
"""The most characters that one row may hold."""

_FIELDS = {
    "system": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "reasoning_content", "tool_calls"},
    "tool": {"role", "content", "name", "tool_call_id"},
}
# Which roles may follow which; None is the start. After the last message nothing may be missing:
# a row ends with an assistant's answer.
_AFTER: dict[str | None, set[str]] = {
    None: {"system", "user"},
    "system": {"user"},
    "user": {"assistant"},
    "assistant": {"user"},
    "calls": {"tool"},
    "tool": {"tool", "assistant"},
}


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ' (did you mean "x"?)' for the known word most like `word`, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f' (did you mean "{close[0]}"?)' if close else ""


def check_dialogue(messages: Any, where: str, *, field: str = "messages") -> tuple[Message, ...]:
    """Return the messages in the one form that the rest of Leitai knows.

    Text parts are joined, arguments of tool calls become objects, fields that are None are dropped.

    Raises:
        LeitaiError: a wrong type, an unknown role or field, an empty content, an order that no chat
            template renders, or a row over `ROW_LIMIT`; names the place and the message.
    """
    if not isinstance(messages, list | tuple) or not messages:
        raise LeitaiError(
            f'"{field}" must be a list of messages', where=where, remedy="give it at least two"
        )
    checked = []
    before: str | None = None
    for number, message in enumerate(messages, 1):
        place = f"{where}, {field}[{number - 1}]"
        clean = _check_message(message, place)
        role = clean["role"]
        if role not in _AFTER[before]:
            _refuse_order(role, before, place)
        before = "calls" if clean.get("tool_calls") else role
        checked.append(clean)
    if before != "assistant":
        raise LeitaiError(
            f'the last message is from "{checked[-1]["role"]}"'
            + (" and waits for a tool" if before == "calls" else ""),
            where=where,
            remedy="end every row with the assistant's answer",
        )
    size = sum(len(json.dumps(message, ensure_ascii=False)) for message in checked)
    if size > ROW_LIMIT:
        raise LeitaiError(
            f"{size:,} characters, more than the limit of {ROW_LIMIT:,} a row",
            where=where,
            remedy="split the row",
        )
    return tuple(checked)


def _refuse_order(role: str, before: str | None, place: str) -> None:
    if role == "system":
        what, remedy = "a system message after the start", "put it first, once"
    elif role == before:
        what, remedy = f'two messages from "{role}" in a row', "join them into one"
    elif before == "calls":
        what, remedy = f'"{role}" after a tool call', "put the tool's answer between them"
    elif role == "tool":
        what, remedy = "a tool's answer without a call", "put the assistant's tool_calls before it"
    else:
        start = "at the start" if before is None else f'after "{before}"'
        what = f'"{role}" {start}'
        remedy = "let user and assistant alternate, the user first"
    raise LeitaiError(what, where=place, remedy=remedy)


def _check_message(raw: Any, place: str) -> Message:
    if not isinstance(raw, dict):
        raise LeitaiError(
            f"expected an object with role and content, found {type(raw).__name__}",
            where=place,
            remedy='write {"role": "user", "content": "..."}',
        )
    message: Message = {key: value for key, value in raw.items() if value is not None}
    role = message.get("role")
    if role not in ROLES:
        raise LeitaiError(
            f"unknown role {json.dumps(role, ensure_ascii=False)}{nearest(str(role), ROLES)}",
            where=f"{place}.role",
            remedy=f"use one of {', '.join(ROLES)}",
        )
    for name in message:
        if name not in _FIELDS[role]:
            raise LeitaiError(
                f'a message from "{role}" has no field "{name}"{nearest(name, _FIELDS[role])}',
                where=place,
                remedy="remove it",
            )
    for name in ("content", "reasoning_content", "name", "tool_call_id"):
        if name in message:
            message[name] = _check_text(message[name], f"{place}.{name}")
    if "tool_calls" in message:
        message["tool_calls"] = _check_calls(message["tool_calls"], f"{place}.tool_calls")
        if not message["tool_calls"]:
            del message["tool_calls"]
    if not message.get("content", "").strip():
        if "tool_calls" not in message and role != "tool":
            raise LeitaiError(
                "empty content", where=f"{place}.content", remedy="fill it in or remove the row"
            )
        message.setdefault("content", "")
    return message


def _check_text(value: Any, place: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and place.endswith(".content"):
        kinds = [part.get("type") if isinstance(part, dict) else None for part in value]
        if all(
            kind == "text" and isinstance(part.get("text"), str)
            for kind, part in zip(kinds, value, strict=True)
        ):
            return "".join(part["text"] for part in value)
        other = next((kind for kind in kinds if kind != "text"), "text")
        raise LeitaiError(
            f'a content part of type "{other}"', where=place, remedy="only text can be read"
        )
    raise LeitaiError(
        f"expected text, found {type(value).__name__}", where=place, remedy="write it as a string"
    )


def _check_calls(calls: Any, place: str) -> list[dict[str, Any]]:
    if not isinstance(calls, list):
        raise LeitaiError(
            "expected a list of tool calls",
            where=place,
            remedy='write [{"function": {"name": "...", "arguments": {}}}]',
        )
    checked = []
    for number, call in enumerate(calls):
        function = call.get("function", call) if isinstance(call, dict) else call
        checked.append(
            {
                **({"id": str(call["id"])} if isinstance(call, dict) and call.get("id") else {}),
                "type": "function",
                "function": check_function_call(function, f"{place}[{number}]"),
            }
        )
    return checked


def check_function_call(function: Any, place: str) -> dict[str, Any]:
    """Return ``{"name": str, "arguments": object}``, decoding arguments that are a JSON string.

    Raises:
        LeitaiError: the name is missing, or the arguments are no object.
    """
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise LeitaiError("a tool call without a name", where=place, remedy="name the function")
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments) if arguments.strip() else {}
        except ValueError as error:
            raise LeitaiError(
                f"arguments that are not JSON ({error})", where=place, remedy="repair them"
            ) from error
    if not isinstance(arguments, dict):
        raise LeitaiError("arguments that are no object", where=place, remedy="name the arguments")
    return {"name": function["name"], "arguments": arguments}


def check_tools(tools: Any, where: str) -> tuple[dict[str, Any], ...] | None:
    """Return tool schemas in the OpenAI form; a JSON string and bare functions are accepted.

    Raises:
        LeitaiError: not a list of functions with a name.
    """
    if isinstance(tools, str):
        try:
            tools = json.loads(tools) if tools.strip() else []
        except ValueError as error:
            raise LeitaiError(
                f'"tools" is not JSON ({error})', where=where, remedy="repair it"
            ) from error
    if not tools:
        return None
    if not isinstance(tools, list):
        raise LeitaiError('"tools" must be a list', where=where, remedy="write one schema a tool")
    checked = []
    for number, tool in enumerate(tools):
        function = tool.get("function", tool) if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise LeitaiError(
                "a tool without a name", where=f"{where}, tools[{number}]", remedy="name it"
            )
        checked.append({"type": "function", "function": function})
    return tuple(checked)
