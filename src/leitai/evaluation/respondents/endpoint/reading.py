"""Bytes of a response to one JSON object, whether it came whole or as a stream of events."""

import json
from typing import Any

from leitai.evaluation.respondents.endpoint.failure import Transient


def read_response(content: bytes, media_type: str) -> dict[str, Any]:
    """Decode a response; a stream is put together to what would have come whole.

    Raises:
        Transient: it is no JSON object, or the stream ends before the answer does.
    """
    if media_type.startswith("text/event-stream"):
        return _assemble(content)
    return _read_object(content)


def used_tokens(value: dict[str, Any]) -> int | None:
    """Return the tokens, of prompt and answer, that a response says it used."""
    usage = value.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return total if isinstance(total, int) and total >= 0 else None


def _read_object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise Transient("the response is not JSON") from None
    if not isinstance(value, dict):
        raise Transient("the response is not a JSON object")
    return value


def _assemble(content: bytes) -> dict[str, Any]:
    """Join the chunks of a streamed chat completion (server-sent events, one ``data:`` a chunk)."""
    text: list[str] = []
    reasoning: list[str] = []
    whole: dict[str, Any] = {}
    finish = None
    for line in content.splitlines():
        data = line.removeprefix(b"data:").strip()
        if not line.startswith(b"data:") or data == b"[DONE]":
            continue
        chunk = _read_object(data)
        if chunk.get("error"):
            return chunk
        whole |= {name: chunk[name] for name in ("model", "usage") if chunk.get(name)}
        choices = chunk.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(first, dict):
            continue  # the last chunk may hold the usage alone
        delta = first.get("delta")
        if isinstance(delta, dict):
            text.append(_text(delta.get("content")))
            reasoning.append(_text(delta.get("reasoning_content") or delta.get("reasoning")))
        finish = first.get("finish_reason") or finish
    if finish is None:
        raise Transient("the stream ended before the answer")
    message = {"content": "".join(text), "reasoning_content": "".join(reasoning)}
    return {**whole, "choices": [{"message": message, "finish_reason": finish}]}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
