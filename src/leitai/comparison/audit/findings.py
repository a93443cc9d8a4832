"""What a check of the audit is given, and what it says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from leitai.comparison.audit.view import LocalView, View
from leitai.comparison.spec import CompareSpec
from leitai.data import Row
from leitai.evaluation.asking import Prompting

Status = Literal["ok", "note", "warning", "refused"]

SAMPLE = 200
"""Rows looked at per task and side where looking at all would cost too much."""

UNSEEN = "—"
"""The value of a contender that does not show what it reads."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the audit.

    Attributes:
        check: a stable identifier.
        title: what was looked at, by language.
        values: what was found, for each contender in the order of their keys.
        status: how grave it is.
        note: what it means or what to do, by language.
    """

    check: str
    title: dict[str, str]
    values: tuple[str, ...]
    status: Status
    note: dict[str, str] = field(default_factory=lambda: {"en": "", "zh": ""})


@dataclass(frozen=True, slots=True)
class Side:
    """What the audit knows of one contender; no view where it runs elsewhere."""

    key: str
    title: str
    prompting: Prompting
    view: View | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """The rows of the run, and what they will be used for.

    Attributes:
        spec: the duel.
        train: what is learnt from.
        items: what is asked, by task.
        labels: of the tasks' data.
        shortened: training and validation rows that were shortened, alike for all.
        tokens: of every training row, for each contender that learns here, by key.
    """

    spec: CompareSpec
    train: Sequence[Row]
    items: Mapping[str, Sequence[Row]]
    labels: Mapping[str, tuple[str, ...]]
    shortened: int = 0
    tokens: Mapping[str, Sequence[int]] = field(default_factory=dict)


Check = Callable[[Sequence[Side], Material], list[Finding]]


def seen(sides: Sequence[Side]) -> list[tuple[Side, View]]:
    """Return those whose tokenizer and template lie here."""
    return [(side, side.view) for side in sides if side.view is not None]


def learners(sides: Sequence[Side]) -> list[tuple[Side, LocalView]]:
    """Return those that can be adapted: checkpoints that this program runs itself."""
    return [(side, side.view) for side in sides if isinstance(side.view, LocalView)]


def shown(sides: Sequence[Side], values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values by key in the contenders' order, `UNSEEN` where there is none."""
    return tuple(values.get(side.key, UNSEEN) for side in sides)


def sample(material: Material) -> list[Row]:
    """Return some items of every task."""
    rows = [row for rows in material.items.values() for row in rows[:SAMPLE]]
    return [_as_question(row) if len(row.messages) == 1 else row for row in rows]


def _as_question(row: Row) -> Row:
    """Look at a text that is only measured as if a user had sent it."""
    asked = {"role": "user", "content": row.messages[0]["content"]}
    return replace(row, messages=(asked, {"role": "assistant", "content": ""}))
