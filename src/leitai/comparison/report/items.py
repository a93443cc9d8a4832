"""The item rows that travel inside the page: compact, safe to embed, and never too many bytes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from leitai.comparison.metric_words import metric_of
from leitai.comparison.report.data import Answer, Item, TaskItems
from leitai.comparison.report.filters import filters_of

BUDGET = 2_200_000
"""Bytes of item rows in a page, so that the whole file stays under 3 MB."""

LENGTHS = (4_000, 1_500, 700, 350, 180)
"""Characters kept of each text; the longest that fits the budget is taken."""

_HARMFUL = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029\u007f"}


@dataclass(frozen=True, slots=True)
class Packed:
    """Item rows ready to embed.

    Attributes:
        json: the payload, safe inside a script element.
        count: items there are.
        kept: items embedded.
        length: characters after which texts were cut; None when all are whole.
    """

    json: Markup
    count: int
    kept: int
    length: int | None


def safe_json(value: Any) -> Markup:
    """Encode for a script element: no text in it can end the element or break an old parser."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.translate(_HARMFUL))


def pack(tasks: Sequence[TaskItems], verdict: dict[str, Any], budget: int = BUDGET) -> Packed:
    """Encode all tasks' items, with texts cut or agreeing items left out where they are too many.

    Args:
        tasks: the items by task.
        verdict: tells each task's metric and direction.
        budget: most bytes of the payload.
    """
    known = {task["task"]: task for task in verdict["tasks"]}
    count = sum(len(task.items) for task in tasks)
    sizes = [len(text) for task in tasks for item in task.items for text in _texts(item)]
    for length in LENGTHS:
        # A character takes a byte at least, so hopeless lengths need no encoding.
        if length > LENGTHS[-1] and sum(min(size, length) for size in sizes) > budget:
            continue
        encoded = [
            (task, [(item, safe_json(_row(item, length))) for item in task.items]) for task in tasks
        ]
        size = sum(_size(row) for _, rows in encoded for _, row in rows)
        if size <= budget:
            break
    chosen = [
        (task, rows if size <= budget else _fit(rows, budget // len(tasks)))
        for task, rows in encoded
    ]
    parts = []
    for task, rows in chosen:
        about = known[task.task]
        metric = metric_of(about["metric"])
        keys = list(task.items[0].answers) if task.items else []
        graded = all(a.correct is not None for i in task.items for a in i.answers.values())
        head = {
            "task": task.task,
            "keys": keys,
            "graded": graded,
            "filters": [one.as_dict() for one in filters_of(keys, graded)],
            "higher": about["higher_is_better"],
            "unit": metric.unit.gap.as_dict(),
        }
        body = Markup(",").join(row for _, row in rows)
        parts.append(safe_json(head)[:-1] + Markup(',"rows":[') + body + Markup("]}"))
    return Packed(
        json=Markup("[") + Markup(",").join(parts) + Markup("]"),
        count=count,
        kept=sum(len(rows) for _, rows in chosen),
        length=length if max(sizes, default=0) > length else None,
    )


def _texts(item: Item) -> tuple[str, ...]:
    answers = item.answers.values()
    return (item.input, item.expected, *(t for a in answers for t in (a.answer, a.reasoning)))


def _row(item: Item, length: int) -> list[Any]:
    """id, slices, input, expected, then of every contender answer, right, score and reasoning."""

    def cut(text: str) -> str:
        return text if len(text) <= length else text[:length] + "…"

    def side(answer: Answer) -> list[Any]:
        right = None if answer.correct is None else int(answer.correct)
        return [cut(answer.answer), right, float(f"{answer.score:.5g}"), cut(answer.reasoning)]

    row = [
        item.id[:200],
        [label[:60] for label in item.slices],
        cut(item.input),
        cut(item.expected),
    ]
    return [*row, *(value for answer in item.answers.values() for value in side(answer))]


def _size(row: Markup) -> int:
    return len(row.encode("utf-8", "replace")) + 1


def _fit(rows: list[tuple[Item, Markup]], budget: int) -> list[tuple[Item, Markup]]:
    """Keep what fits, those that tell most first, in the original order.

    Contenders that disagree tell most, then items that all got wrong, then those all got right.
    """

    def priority(index: int) -> tuple[float, int]:
        answers = rows[index][0].answers.values()
        scores = [answer.score for answer in answers]
        if any(answer.correct is None for answer in answers):
            return min(scores) - max(scores), index
        right = {bool(answer.correct) for answer in answers}
        return 0.0 if len(right) > 1 else 1.0 + (True in right), index

    kept, used = set(), 0
    for index in sorted(range(len(rows)), key=priority):
        used += _size(rows[index][1])
        if used > budget:
            break
        kept.add(index)
    return [row for index, row in enumerate(rows) if index in kept]
