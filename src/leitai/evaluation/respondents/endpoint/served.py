"""The token ids that a server makes of a prompt, from those servers that show them.

llama.cpp's server renders a dialogue at ``/apply-template`` and tokenizes it at ``/tokenize``, as
it does for a chat completion: with the tokenizer's own beginning of text, control tokens read as
such. vLLM does both at ``/tokenize``. No model writes anything, and nothing is paid.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from leitai.base.errors import LeitaiError
from leitai.evaluation.respondents.endpoint.client import Client
from leitai.evaluation.respondents.endpoint.failure import Moderated
from leitai.evaluation.respondents.endpoint.pace import Pace
from leitai.evaluation.respondents.endpoint.spec import EndpointSpec

_OF_THE_PROMPT = ("model", "messages", "tools", "chat_template_kwargs", "enable_thinking")
_SECONDS = 20.0


class Served(NamedTuple):
    """A prompt in ids.

    Attributes:
        told: those that the server made of it; None where it does not show them.
        here: those of the tokenizer and template that the spec names; None where it names none.
    """

    told: list[int] | None
    here: list[int] | None


def served_ids(
    spec: EndpointSpec, key: str | None, bodies: Sequence[Mapping[str, Any]]
) -> list[list[int] | None]:
    """Ask a server for the ids of the prompts of chat completions.

    Args:
        spec: the endpoint; these routes lie beside its /v1.
        key: what it asks for.
        bodies: as `chat_body` makes them.

    Returns:
        The ids of each; None for all where the server does not show them or is not there.
    """
    beside = {
        "url": spec.url.removesuffix("/v1"),
        "retries": 0,
        "timeout": min(spec.timeout, _SECONDS),
    }
    client = Client(
        spec.model_copy(update=beside),
        key,
        Pace(spec.requests_per_minute, spec.tokens_per_minute),
    )
    try:
        for ids_of in (_llama_cpp, _vllm):
            try:
                return [ids_of(client, body) for body in bodies]
            except (LeitaiError, Moderated):
                continue
    finally:
        client.close()
    return [None] * len(bodies)


def _llama_cpp(client: Client, body: Mapping[str, Any]) -> list[int]:
    prompt = _post(client, "/apply-template", _prompt_of(body)).get("prompt")
    if not isinstance(prompt, str):
        raise _unlike("/apply-template")
    asked = {"content": prompt, "add_special": True, "parse_special": True}
    return _ids(_post(client, "/tokenize", asked))


def _vllm(client: Client, body: Mapping[str, Any]) -> list[int]:
    return _ids(_post(client, "/tokenize", _prompt_of(body) | {"add_generation_prompt": True}))


def _prompt_of(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in _OF_THE_PROMPT if name in body}


def _post(client: Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    return client.post(path, body, 1, "audit", lambda value: None).value


def _ids(value: Mapping[str, Any]) -> list[int]:
    ids = value.get("tokens")
    if not (isinstance(ids, list) and ids and all(type(one) is int for one in ids)):
        raise _unlike("/tokenize")
    return ids


def _unlike(path: str) -> LeitaiError:
    return LeitaiError("answers otherwise than llama.cpp and vLLM do", where=path)
