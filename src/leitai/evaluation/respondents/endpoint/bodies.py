"""What is sent: a chat completion's request from a spec and a dialogue."""

from collections.abc import Sequence
from typing import Any

from leitai.data import Message
from leitai.evaluation.respondents.endpoint.spec import EndpointSpec

CHAT = "/chat/completions"
_TOKENS_PER_CHARACTER = 2  # generous for both families, Chinese and English; then text is cut


def chat_body(
    spec: EndpointSpec,
    messages: Sequence[Message],
    tools: Sequence[Message] | None,
    max_characters: int,
    thinking: bool | None,
) -> dict[str, Any]:
    """Return the request; the same arguments, the same request, to the byte.

    Args:
        spec: the endpoint; a field of its `extra` replaces ours, null takes it out, and objects of
            the same name are joined.
        messages: the dialogue, up to where the assistant is to answer.
        tools: that the assistant may call.
        max_characters: of the answer; servers count tokens, so they are granted generously.
        thinking: whether the model is to reason; None leaves it to the server.
    """
    limit = spec.max_tokens or _TOKENS_PER_CHARACTER * max_characters + 16
    body: dict[str, Any] = {
        "model": spec.model,
        "messages": list(messages),
        "max_tokens": limit + spec.reasoning_tokens,
        "temperature": spec.temperature,
        "seed": spec.seed,
    }
    if spec.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if tools:
        body["tools"] = list(tools)
    if thinking is not None and spec.thinking_as == "enable_thinking":
        body["enable_thinking"] = thinking
    elif thinking is not None and spec.thinking_as == "chat_template_kwargs":
        body["chat_template_kwargs"] = {"enable_thinking": thinking}
    for name, value in spec.extra.items():
        ours = body.get(name)
        if isinstance(value, dict) and isinstance(ours, dict):
            body[name] = ours | value
        else:
            body[name] = value
    return {name: value for name, value in body.items() if value is not None}
