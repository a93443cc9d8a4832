"""What one rendering of a chat template may spend: steps, characters and seconds.

Templates come with downloaded checkpoints and are programs. Every loop pass, call, filter and
operator of a template is charged here (see `text/sandbox.py`), so that a template that loops or
grows for ever ends with an error after a bounded amount of work. The limits grow with the
conversation, so that long ones pass; they are counted rather than timed where possible, so that
the same input meets the same limit on every machine.
"""

import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


class LimitError(RuntimeError):
    """A template asks for more than its budget."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one rendering; each grows by its factor with the size of the input.

    Attributes:
        steps: loop passes, calls, filters and operators.
        steps_per_input: further steps per character or value of the conversation.
        characters: characters and container cells made in all, which bounds the memory.
        characters_per_input: further characters per character or value of the conversation.
        output: characters of the rendered text.
        output_per_input: further characters of output per character or value of the conversation.
        seconds: wall clock.
        width: largest width, precision, indentation or repeat count that a template may ask for.
    """

    steps: int = 200_000
    steps_per_input: int = 4
    characters: int = 16_000_000
    characters_per_input: int = 64
    output: int = 1_000_000
    output_per_input: int = 16
    seconds: float = 10.0
    width: int = 10_000


_CELL = 8  # characters that a cell of a container counts for


def weigh(value: Any, limit: int) -> int:
    """Count a value's characters as it would be written out, shared parts repeatedly.

    A cell of a container counts as much as eight characters, in memory and in time.

    Raises:
        LimitError: the count passes `limit`.
    """
    total, stack = 0, [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            total += 1 + len(item)
        elif isinstance(item, dict):
            total += _CELL * (1 + 2 * len(item))
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, Collection):  # lists, tuples, ranges, views of a dictionary
            total += _CELL * (1 + len(item))
            stack.extend(item)
        elif isinstance(item, int):
            total += 1 + item.bit_length() // 8
        else:
            total += 1
        if total > limit:
            raise LimitError(f"makes a value of more than {limit:,} characters")
    return total


class Budget:
    """The account of one rendering.

    Attributes:
        limits: the bounds.
        verbatim: characters that stand for others and that no filter may escape.
    """

    def __init__(self, limits: Limits, size: int, verbatim: Iterable[str] = ()) -> None:
        self.limits = limits
        self.verbatim = frozenset(verbatim)
        self.output_limit = limits.output + limits.output_per_input * size
        self._steps = limits.steps + limits.steps_per_input * size
        self._characters = limits.characters + limits.characters_per_input * size
        self._deadline = time.monotonic() + limits.seconds

    def step(self) -> None:
        """Charge one step."""
        self._steps -= 1
        if self._steps < 0:
            raise LimitError("does not end (too many loop passes and calls)")
        if self._steps % 256 == 0:
            self.check_clock()

    def check_clock(self) -> None:
        """Stop when the time is up."""
        if time.monotonic() > self._deadline:
            raise LimitError(f"does not end within {self.limits.seconds:g} seconds")

    def charge(self, characters: int) -> None:
        """Charge characters that were made or are about to be."""
        if characters > 4096:
            self.check_clock()
        self._characters -= characters
        if self._characters < 0:
            raise LimitError("makes too many characters")

    def charge_value(self, value: Any) -> Any:
        """Charge a value at its written size and hand it on."""
        self.charge(weigh(value, self._characters))
        return value

    def require_width(self, width: Any) -> None:
        """Refuse widths, precisions and counts beyond the limit."""
        if isinstance(width, int | float) and abs(width) > self.limits.width:
            raise LimitError(f"asks for a width of {width:,}")

    def foresee(self, characters: int) -> None:
        """Refuse a result that the account cannot pay, before it is made."""
        if characters > self._characters:
            raise LimitError(f"makes a text of {characters:,} characters")


_current: ContextVar[Budget] = ContextVar("leitai_template_budget")


def current() -> Budget:
    """Return the account of the rendering in progress."""
    return _current.get()


@contextmanager
def spending(budget: Budget) -> Iterator[Budget]:
    """Make `budget` the current account while the block runs."""
    token = _current.set(budget)
    try:
        yield budget
    finally:
        _current.reset(token)
