"""What is to be planned: training, scoring or writing, in numbers."""

import math
from dataclasses import dataclass, field
from typing import Literal

from leitai.adapters.cost import Method
from leitai.adapters.method import LoRA
from leitai.base import LeitaiError
from leitai.forest import MIN_SAVING
from leitai.forest.forest import DENSE
from leitai.inference.scheduler import ROWS
from leitai.training.batches import SHARED_AT_CUT


@dataclass(frozen=True, slots=True)
class TrainTask:
    """Training on rows of a mean length.

    Attributes:
        rows: to train on.
        tokens: of a row, the shared ones included.
        targets: tokens of a row that are to be predicted.
        shared: tokens that all rows begin with.
        method: what is trained.
        epochs: passes over the rows.
        batch_rows: rows computed at once.
        accumulation: batches to a step.
        batch_tokens: most unique tokens computed at once.
        max_steps: end after so many steps.
        valid_rows: rows to validate with after each epoch.
        longest: tokens of the rows of the largest batch; None takes the mean.
        checkpointing: whether activations are recomputed; "auto": if they would not fit.
        ranks: processes that train together, a device each.
        averaged: whether a moving average of what is trained is kept.
        enough: unique tokens that a batch should have; see `training.batches.window_parts`.
    """

    rows: int
    tokens: float
    targets: float
    shared: float = 0
    method: Method = field(default_factory=LoRA)
    epochs: int = 3
    batch_rows: int = 16
    accumulation: int = 1
    batch_tokens: int = 8192
    max_steps: int | None = None
    valid_rows: int = 0
    longest: float | None = None
    checkpointing: Literal["auto"] | bool = "auto"
    ranks: int = 1
    averaged: bool = False
    enough: float = math.inf

    def __post_init__(self) -> None:
        _check(self, "rows", "tokens", "targets", "epochs", "batch_rows", "accumulation")
        _check(self, "ranks")
        _check_below(self, "targets", "tokens")
        _check_below(self, "shared", "tokens")

    @property
    def sequence(self) -> float:
        """Tokens of a row, the mean."""
        return self.tokens

    @property
    def window(self) -> int:
        """Rows to a step."""
        return min(self.rows, self.batch_rows * self.accumulation)

    @property
    def steps(self) -> int:
        """Updates of the weights."""
        per_epoch = math.ceil(self.rows / (self.batch_rows * self.accumulation))
        return min(self.epochs * per_epoch, self.max_steps or 1 << 62)

    @property
    def micro_rows(self) -> int:
        """Rows that are computed at once on one device."""
        shared = self.shared if self.shares(self.batch_rows) else 0
        fitting = int((self.batch_tokens - shared) // (self.tokens - shared))
        rows = max(1, min(self.batch_rows, math.ceil(self.window / self.ranks), fitting))
        if shared > self.enough * SHARED_AT_CUT:
            return rows
        return math.ceil(rows / max(1, round(rows * self.tokens / self.enough)))

    def shares(self, rows: float) -> bool:
        """Whether so many rows share their beginning."""
        return (rows - 1) * self.shared >= MIN_SAVING

    def unique(self, rows: float, tokens: float | None = None) -> float:
        """Tokens that are computed for rows of a length (the mean): what they share, once."""
        tokens = self.tokens if tokens is None else tokens
        shared = self.shared if self.shares(rows) else 0
        return shared + rows * (tokens - shared)

    def attention_calls(self, rows: float) -> float:
        """Calls of attention in a block for so many rows at once, beyond the first.

        Short rows go in blocks of `forest.plan.DENSE` tokens; shared tokens are one more call, and
        another for the rows that look at them.
        """
        shares = self.shares(rows)
        own = self.tokens - (self.shared if shares else 0)
        return rows / max(1, DENSE // own) - 1 + 2 * shares

    def pairs(self, rows: float) -> float:
        """(Query, key) pairs of attention for so many rows at once."""
        whole, shared = _pairs(self.tokens), _pairs(self.shared)
        return rows * whole - (rows - 1) * shared if self.shares(rows) else rows * whole


@dataclass(frozen=True, slots=True)
class ScoreTask:
    """Giving answers their probability.

    Attributes:
        items: contexts.
        context: tokens of one, the shared ones included.
        choices: answers that are scored for each.
        answer: tokens of one.
        shared: tokens that all contexts begin with.
    """

    items: int
    context: float
    choices: int = 1
    answer: float = 5
    shared: float = 0

    def __post_init__(self) -> None:
        _check(self, "items", "context", "choices", "answer")
        _check_below(self, "shared", "context")

    @property
    def sequence(self) -> float:
        """Tokens of a context with one answer."""
        return self.context + self.answer

    @property
    def read(self) -> float:
        """Tokens of one item's answers that are computed: the last is predicted but not read."""
        return self.choices * max(0.0, self.answer - 1)

    @property
    def unique(self) -> float:
        """Tokens that are computed for all items: what they share, once."""
        return self.shared + self.items * (self.context - self.shared + self.read)


@dataclass(frozen=True, slots=True)
class GenerateTask:
    """Writing.

    Attributes:
        requests: prompts to continue.
        prompt: tokens of one, the shared ones included.
        new_tokens: to be written for each.
        streams: how many are written together.
        shared: tokens that all prompts begin with.
    """

    requests: int
    prompt: float
    new_tokens: int
    streams: int = ROWS
    shared: float = 0

    def __post_init__(self) -> None:
        _check(self, "requests", "prompt", "new_tokens", "streams")
        _check_below(self, "shared", "prompt")

    @property
    def sequence(self) -> float:
        """Tokens of a prompt with its continuation."""
        return self.prompt + self.new_tokens


Task = TrainTask | ScoreTask | GenerateTask


def _pairs(tokens: float) -> float:
    return tokens * (tokens + 1) / 2


def _check(task: object, *names: str) -> None:
    for name in names:
        if not getattr(task, name) >= 1:
            raise LeitaiError(
                f"{name} is {getattr(task, name)}", where="plan", remedy="use a number from 1"
            )


def _check_below(task: object, name: str, limit: str) -> None:
    small, large = getattr(task, name), getattr(task, limit)
    if not 0 <= small <= large or (name == "shared" and small == large):
        raise LeitaiError(
            f"{name} = {small:g} does not fit into {limit} = {large:g}",
            where="plan",
            remedy=f"use a smaller {name}",
        )
