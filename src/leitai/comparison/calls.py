"""What a duel will ask of a server: requests, tokens and money, before anything is sent."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from leitai.base import LeitaiError
from leitai.data import Row
from leitai.evaluation.respondents import Ability
from leitai.evaluation.respondents.endpoint.answers import cost_of
from leitai.evaluation.respondents.endpoint.scoring import PROMPTS
from leitai.evaluation.respondents.endpoint.spec import EndpointSpec
from leitai.planning.lengths import Lengths, estimated_lengths, row_lengths
from leitai.planning.shapes import Shape, find_shape
from leitai.training.spec import AdaptSpec

_LONGEST = 1 << 20
_MINUTE = 60.0


class Questions(Protocol):
    """What is asked; see `forecast.Asking`."""

    @property
    def rows(self) -> Sequence[Row]:
        """Rows with the reference at their ends."""

    @property
    def needs(self) -> frozenset[Ability]:
        """What must be done with them."""

    @property
    def choices(self) -> int:
        """To weigh for each row."""

    @property
    def least(self) -> int:
        """Rows that are asked at least."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What a server will be asked; each number at least and at most.

    Attributes:
        requests: sent.
        prompt_tokens: read by the model.
        written_tokens: if answers are as long as the references.
        cost: None without a price.
        currency: of the cost.
        seconds: that `requests_per_minute` alone takes; 0 without it.
    """

    requests: tuple[int, int]
    prompt_tokens: tuple[int, int]
    written_tokens: tuple[int, int]
    cost: tuple[float, float] | None
    currency: str | None
    seconds: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        return asdict(self)


def calls_of(endpoint: EndpointSpec, asked: Sequence[Questions], base: Path) -> Calls:
    """Count what an endpoint will be asked, under every arm; a further seed asks it nothing.

    Tokens are counted where `tokenizer` names a folder that is here, and estimated from characters
    elsewhere.

    Args:
        endpoint: the server.
        asked: all tasks, arms and probes.
        base: the folder that the price table's path starts from.

    Raises:
        LeitaiError: the price table cannot be read or lacks the model.
    """
    price = endpoint.find_price(base)
    low, high = (_count(endpoint, asked, least) for least in (True, False))
    costs = [
        cost_of({"prompt": prompt, "written": written}, price) for _, prompt, written in (low, high)
    ]
    pace = _MINUTE / endpoint.requests_per_minute if endpoint.requests_per_minute else 0.0
    return Calls(
        requests=(low[0], high[0]),
        prompt_tokens=(low[1], high[1]),
        written_tokens=(low[2], high[2]),
        cost=None if costs[0] is None or costs[1] is None else (costs[0], costs[1]),
        currency=None if price is None else price.currency,
        seconds=(pace * low[0], pace * high[0]),
    )


def _count(endpoint: EndpointSpec, asked: Sequence[Questions], least: bool) -> tuple[int, int, int]:
    requests, prompt, written = 0, 0.0, 0.0
    for one in asked:
        items = one.least if least else len(one.rows)
        lengths = _lengths(endpoint, one.rows)
        context = lengths.tokens - lengths.targets
        if "write" in one.needs:
            requests += items
            prompt += items * context
            written += items * lengths.targets
        if one.needs - {"write"}:
            weighed = items * one.choices
            requests += math.ceil(weighed / PROMPTS)
            prompt += weighed * lengths.tokens
            written += weighed  # one token is written beside each and passed over
    return requests, round(prompt), round(written)


def _lengths(endpoint: EndpointSpec, rows: Sequence[Row]) -> Lengths:
    adapt = AdaptSpec(turns="last", max_length=_LONGEST)
    shape = _shape(endpoint)
    if shape is None:
        return estimated_lengths(rows, "qwen3", adapt)
    return row_lengths(rows, shape, adapt, vocab_size=0)


def _shape(endpoint: EndpointSpec) -> Shape | None:
    """The model, where its tokenizer or its name tells which it is."""
    for name in (endpoint.tokenizer, endpoint.model):
        try:
            return find_shape(name or "")
        except LeitaiError:
            continue
    return None
