"""Log-probabilities of given answers, where a server returns those of a prompt's own tokens.

The legacy completions API does: ``echo`` with ``logprobs`` (vLLM, SGLang). The prompt is sent as
token ids, made with the model's own tokenizer and template on this side, so that exactly the ids
that a local checkpoint would see are scored; a chat API shows neither. Servers that take the
request and score only what they write (llama.cpp) would make all choices alike: lengths are
checked.
"""

import math
from collections.abc import Sequence
from typing import Any

from leitai.evaluation.respondents.endpoint.answers import keep_usage
from leitai.evaluation.respondents.endpoint.asking import Question
from leitai.evaluation.respondents.endpoint.failure import UnsupportedError
from leitai.evaluation.respondents.endpoint.spec import EndpointSpec
from leitai.evaluation.respondents.interface import Measured

PATH = "/completions"
PROMPTS = 16
"""Of one request; more would make responses of many megabytes."""

Pair = tuple[Sequence[int], Sequence[int]]
"""Context ids and the ids that are scored after them."""


def question(spec: EndpointSpec, pairs: Sequence[Pair], where: str) -> Question:
    """Ask for the log-probabilities of some pairs, at most `PROMPTS`."""
    prompts = [[*context, *rest] for context, rest in pairs]

    def keep(value: dict[str, Any]) -> dict[str, Any]:
        choices = sorted(value["choices"], key=lambda choice: int(choice.get("index", 0)))
        spans = [
            choice["logprobs"]["token_logprobs"][len(context) : len(context) + len(rest)]
            for choice, (context, rest) in zip(choices, pairs, strict=True)
        ]
        usage = value.get("usage")
        return {"logprobs": spans, "usage": keep_usage(usage if isinstance(usage, dict) else {})}

    def check(value: dict[str, Any]) -> None:
        try:
            spans = keep(value)["logprobs"]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UnsupportedError(
                "the response has no log-probabilities", where=spec.url
            ) from None
        for span, (_, rest) in zip(spans, pairs, strict=True):
            if len(span) != len(rest) or not all(_is_logprob(number) for number in span):
                raise UnsupportedError("the response lacks those of the prompt", where=spec.url)

    return Question(
        path=PATH,
        # One token is written and passed over: some servers refuse to write none.
        body={
            "model": spec.model,
            "prompt": prompts,
            "max_tokens": 1,
            "temperature": 0,
            "echo": True,
            "logprobs": 1,
        },
        tokens=sum(map(len, prompts)) + len(prompts),
        where=where,
        check=check,
        keep=keep,
    )


def questions(spec: EndpointSpec, pairs: Sequence[Pair], wheres: Sequence[str]) -> list[Question]:
    """Ask for all pairs, in their order."""
    return [
        question(spec, pairs[start : start + PROMPTS], wheres[start])
        for start in range(0, len(pairs), PROMPTS)
    ]


def read_scores(answers: Sequence[dict[str, Any]]) -> list[Measured]:
    """Return the sums of kept log-probabilities, one for each pair."""
    spans = [span for answer in answers for span in answer["logprobs"]]
    return [Measured(math.fsum(span), len(span)) for span in spans]


def _is_logprob(number: Any) -> bool:
    return isinstance(number, int | float) and not math.isnan(number) and number <= 1e-3
