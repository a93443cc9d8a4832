"""Chat completions as they come back: parted into reasoning and answer, counted, priced."""

from typing import Any, Literal

from leitai.evaluation.respondents.endpoint.failure import Transient
from leitai.evaluation.respondents.endpoint.spec import Price
from leitai.evaluation.respondents.interface import Written

_OPENS, _CLOSES = "<think>", "</think>"
_MODERATED = "moderated"  # our finish reason of a question that the provider declined


def check_chat(value: dict[str, Any]) -> None:
    """Check that a response has an answer.

    Raises:
        Transient: it has none.
    """
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(message, dict) or not isinstance(message.get("content"), str | None):
        raise Transient("the response has no message in choices[0]")


def keep_chat(value: dict[str, Any]) -> dict[str, Any]:
    """Return what the ledger keeps of a checked response."""
    choice = value["choices"][0]
    message = choice["message"]
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    usage = value.get("usage")
    return {
        "text": message.get("content") or "",
        "reasoning": reasoning if isinstance(reasoning, str) else "",
        "finish": str(choice.get("finish_reason") or "stop"),
        "model": str(value.get("model", "")),
        "usage": keep_usage(usage if isinstance(usage, dict) else {}),
    }


def decline_chat(model: str, said: str) -> dict[str, Any]:
    """Return what the ledger keeps of a question that the provider declined, in its words."""
    kept = {"text": "", "reasoning": "", "finish": _MODERATED, "model": model, "usage": {}}
    return {**kept, "said": said}


def keep_usage(usage: dict[str, Any]) -> dict[str, int]:
    """Return the counts that a price is made of, those that the server gives."""
    details = usage.get("prompt_tokens_details")
    counts = {
        "prompt": usage.get("prompt_tokens"),
        "written": usage.get("completion_tokens"),
        "cached": details.get("cached_tokens") if isinstance(details, dict) else None,
    }
    return {name: n for name, n in counts.items() if isinstance(n, int) and n >= 0}


def cost_of(usage: dict[str, int], price: Price | None) -> float | None:
    """Return what a request cost; None without a price or without counts."""
    if price is None or not usage.keys() >= {"prompt", "written"}:
        return None
    cached = min(usage.get("cached", 0), usage["prompt"])
    rate = price.input if price.cached_input is None else price.cached_input
    fresh = usage["prompt"] - cached
    return (fresh * price.input + cached * rate + usage["written"] * price.output) / 1e6


def read_chat(
    kept: dict[str, Any],
    seconds: float,
    max_characters: int,
    thinking: bool | None,
    price: Price | None,
) -> Written:
    """Turn what was kept of a response into an answer.

    Reasoning comes in a field of its own or before ``</think>``. Reasoning that never ends leaves
    no answer: the text is empty and the finish "length". The limit in characters holds for the
    answer.

    Args:
        kept: by `keep_chat`.
        seconds: from asking to the last byte.
        max_characters: at which the answer is cut.
        thinking: what was asked for; when True, the template may have opened the reasoning itself.
        price: of the model.
    """
    text, reasoning, cut = kept["text"], kept["reasoning"], kept["finish"] == "length"
    before, closed, after = text.partition(_CLOSES)
    if closed:
        reasoning, text = reasoning + before.strip().removeprefix(_OPENS), after.strip()
    elif text.lstrip().startswith(_OPENS) or (thinking and not reasoning):
        reasoning, text, cut = text.strip().removeprefix(_OPENS), "", True
    finish: Literal["stop", "length", "error"] = "stop"
    if cut or len(text) > max_characters:
        finish = "length"
    elif kept["finish"] in (_MODERATED, "content_filter", "error"):
        finish = "error"
    usage = kept["usage"]
    return Written(
        text=text[:max_characters],
        reasoning=reasoning.strip(),
        finish=finish,
        prompt_tokens=usage.get("prompt"),
        tokens=usage.get("written"),
        seconds=seconds,
        cost=cost_of(usage, price),
    )
