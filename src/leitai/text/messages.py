"""Messages as templates need them: plain JSON values, without the variants that data sets bring."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from leitai.base import LeitaiError
from leitai.text.surrogates import repair

_DEPTH = 100  # levels of lists and objects in a message or tool


def plain_messages(
    messages: Sequence[Mapping[str, Any]], where: object | None
) -> list[dict[str, Any]]:
    """Return messages as plain JSON values, in the one form that the families' templates expect.

    A content of text parts is joined. Arguments of tool calls that are JSON in a string, as in the
    OpenAI form, become objects. Fields that are null (other than content) and empty lists of tool
    calls are left out, as templates ask whether a field is there.

    Raises:
        LeitaiError: there are no messages, one has no role, or a value is not of JSON's kinds.
    """
    if isinstance(messages, str) or not isinstance(messages, Sequence) or not messages:
        raise LeitaiError(
            "expected a list of one or more messages",
            where=where,
            remedy='write [{"role": "user", "content": "..."}]',
        )
    plain = []
    for number, message in enumerate(messages, start=1):
        at = f"{where}, message {number}" if where else f"message {number}"
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise LeitaiError(
                "expected an object with a role",
                where=at,
                remedy='write {"role": "user", "content": "..."}',
            )
        copy = plain_value(message, at)
        parts = copy.get("content")
        if isinstance(parts, list):
            if not all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
                raise LeitaiError(
                    "only text parts are supported in content", where=at, remedy="write a string"
                )
            copy["content"] = "".join(str(part.get("text", "")) for part in parts)
        if isinstance(copy.get("tool_calls"), list):
            copy["tool_calls"] = [_with_arguments(call) for call in copy["tool_calls"]] or None
        plain.append({key: copy[key] for key in copy if copy[key] is not None or key == "content"})
    return plain


def _with_arguments(call: Any) -> Any:
    """Return a tool call with arguments parsed, where they are a JSON object in a string."""
    if not isinstance(call, dict):
        return call
    if "function" in call:
        return {**call, "function": _with_arguments(call["function"])}
    if isinstance(call.get("arguments"), str):
        try:
            arguments = json.loads(call["arguments"])
        except (ValueError, RecursionError):
            return call
        if isinstance(arguments, dict):
            return {**call, "arguments": plain_value(arguments, None)}
    return call


def plain_value(value: Any, where: object | None, depth: int = _DEPTH) -> Any:
    """Return a deep copy made of JSON's kinds only, texts without lone surrogates.

    Raises:
        LeitaiError: a value is of another kind, or nested deeper than `depth`.
    """
    if depth == 0:
        raise LeitaiError(
            f"values nested more than {_DEPTH} deep", where=where, remedy="flatten them"
        )
    if value is None or type(value) in (int, float, bool):
        return value
    if isinstance(value, str):
        return repair(str(value))
    if isinstance(value, Mapping):
        return {
            repair(str(key)): plain_value(item, where, depth - 1) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain_value(item, where, depth - 1) for item in value]
    raise LeitaiError(
        f"a {type(value).__name__} where text, numbers, lists or objects are expected",
        where=where,
        remedy="use JSON values",
    )


def texts_of(value: Any) -> Iterable[str]:
    """Yield every text in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)
