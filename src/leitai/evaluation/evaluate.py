"""Ask one contender every item of a task and grade what comes back."""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leitai.base.errors import LeitaiError
from leitai.base.files import hash_value
from leitai.base.progress import Ticker
from leitai.data import Row
from leitai.evaluation.asking import (
    Prompting,
    answer_ids,
    prompt_ids,
    question_and_answer,
    readable,
)
from leitai.evaluation.grading import exact_match, find_label
from leitai.evaluation.records import ItemRecord, read_records, write_records
from leitai.evaluation.tasks import BitsPerByte, Classification, ExactMatch, Task

if TYPE_CHECKING:
    from leitai.inference import LanguageModel

CHUNK = 128
"""Items scored and saved together; fixed, so that a resumed run repeats the same computation."""


def pick_items(task: Task, rows: Iterable[Row], seed: int) -> list[Row]:
    """Take the task's split in the order that is fixed before anything is scored.

    Raises:
        LeitaiError: nothing is left to ask, or a classification has fewer than two classes.
    """
    picked = [row for row in rows if task.split in ("all", row.split)]
    picked.sort(key=lambda row: hash_value([seed, task.name, row.id]))
    picked = picked[: task.max_items]
    if not picked:
        raise LeitaiError(
            f"no items in the split '{task.split}'",
            where=f"task {task.name}",
            remedy="name another split, or give the data a `split`",
        )
    return picked


def evaluate(
    task: Task,
    items: Sequence[Row],
    labels: tuple[str, ...],
    lm: "LanguageModel",
    prompting: Prompting,
    path: Path,
    tick: Ticker | None = None,
) -> None:
    """Score `items` in their order and write one record each to `path`.

    Finished chunks are kept beside `path`, so a killed run goes on where it stopped.

    Raises:
        LeitaiError: an item cannot be asked (too long, no template, one class only).
    """
    grade = _GRADERS[type(task)]
    parts = path.with_suffix(".parts")
    done: list[ItemRecord] = []
    for start in range(0, len(items), CHUNK):
        part = parts / f"{start:08d}.jsonl"
        if not part.exists():
            write_records(part, grade(task, items[start : start + CHUNK], labels, lm, prompting))
        done += read_records(part)
        if tick:
            tick(len(done))
    write_records(path, done)
    for part in parts.glob("*.jsonl"):
        part.unlink()
    parts.rmdir()


def by_likelihood(
    items: Sequence[Row], labels: tuple[str, ...], lm: "LanguageModel", prompting: Prompting
) -> list[ItemRecord]:
    """Grade by the label that is the likeliest answer.

    Raises:
        LeitaiError: there are fewer than two labels, or an item cannot be asked.
    """
    if len(labels) < 2:
        raise LeitaiError(
            f"a classification needs at least two labels, got {len(labels)}",
            where=items[0].source,
            remedy="check the label column",
        )
    # The labels' ids are the same after every prompt (checked below on each row's own answer).
    continuations = dict(
        zip(labels, answer_ids(lm.chat_format, items[0], prompting, labels), strict=True)
    )
    requests = []
    for row in items:
        prompt, expected = prompt_ids(lm.chat_format, row, prompting), _label(row, labels)
        own = answer_ids(lm.chat_format, row, prompting, [expected])[0]
        if own != continuations[expected]:
            raise LeitaiError("the label's ids depend on the question", where=row.source)
        requests += [(prompt, continuations[label]) for label in labels]
    scores = lm.score_ids(requests)
    records = []
    for i, row in enumerate(items):
        own_scores = scores[i * len(labels) : (i + 1) * len(labels)]
        logprobs = {label: s.logprob for label, s in zip(labels, own_scores, strict=True)}
        best = max(labels, key=lambda label: logprobs[label])
        total = math.log(math.fsum(math.exp(v - logprobs[best]) for v in logprobs.values()))
        detail = {
            "logprob_expected": logprobs[_label(row, labels)],
            "logprob_answer": logprobs[best],
            "probability_answer": math.exp(-total),
            "prompt_tokens": len(requests[i * len(labels)][0]),
        }
        records.append(_graded(row, best, best == _label(row, labels), True, detail))
    return records


def _by_generation(
    items: Sequence[Row], labels: tuple[str, ...], lm: "LanguageModel", prompting: Prompting
) -> list[ItemRecord]:
    limit = 2 * max(len(label) for label in labels) + 20
    records = []
    for row, written in zip(items, _write(items, lm, prompting, limit), strict=True):
        found = find_label(written, labels)
        right = found == _label(row, labels)
        records.append(_graded(row, written, right, found is not None, {"label": found}))
    return records


def _classification(
    task: Task, items: Sequence[Row], labels: tuple[str, ...], lm: "LanguageModel", arm: Prompting
) -> list[ItemRecord]:
    assert isinstance(task, Classification)
    by = by_likelihood if task.grade == "likelihood" else _by_generation
    return by(items, labels, lm, arm)


def _exact_match(
    task: Task, items: Sequence[Row], labels: tuple[str, ...], lm: "LanguageModel", arm: Prompting
) -> list[ItemRecord]:
    assert isinstance(task, ExactMatch)
    written = _write(items, lm, arm, task.max_characters)
    return [
        _graded(row, text, exact_match(text, _reference(row)), bool(text.strip()), {})
        for row, text in zip(items, written, strict=True)
    ]


def _bits_per_byte(
    task: Task, items: Sequence[Row], labels: tuple[str, ...], lm: "LanguageModel", arm: Prompting
) -> list[ItemRecord]:
    assert isinstance(task, BitsPerByte)
    if task.over == "answer":
        texts = [_reference(row) for row in items]
        requests = [
            (prompt_ids(lm.chat_format, row, arm), answer_ids(lm.chat_format, row, arm, [text])[0])
            for row, text in zip(items, texts, strict=True)
        ]
        scores = lm.score_ids(requests)
    else:
        texts = [_plain(row) for row in items]
        scores = lm.score([{"context": "", "continuation": text} for text in texts])
    records = []
    for row, text, score in zip(items, texts, scores, strict=True):
        size = len(text.encode("utf-8"))
        if size == 0:
            raise LeitaiError("there is no text to measure", where=row.source, remedy="remove it")
        records.append(
            ItemRecord(
                id=row.id,
                slices=_slices(row),
                input=readable(row) if task.over == "answer" else text,
                expected=text if task.over == "answer" else "",
                answer="",
                correct=None,
                parsed=True,
                numerator=-score.logprob / math.log(2),
                denominator=float(size),
                detail={"tokens": score.tokens},
            )
        )
    return records


_Grader = Callable[
    [Task, Sequence[Row], tuple[str, ...], "LanguageModel", Prompting], list[ItemRecord]
]
_GRADERS: dict[type, _Grader] = {
    Classification: _classification,
    ExactMatch: _exact_match,
    BitsPerByte: _bits_per_byte,
}


def _write(
    items: Sequence[Row], lm: "LanguageModel", prompting: Prompting, characters: int
) -> list[str]:
    """Generate greedily; the limit is in characters, so that no tokenizer is favoured."""
    prompts = [prompt_ids(lm.chat_format, row, prompting) for row in items]
    # A token is at least a byte, so this many tokens always hold that many characters.
    texts = lm.generate(prompts, max_tokens=4 * characters, max_characters=characters)
    return [text[:characters] for text in texts]


def _label(row: Row, labels: tuple[str, ...]) -> str:
    if row.label is None or row.label not in labels:
        raise LeitaiError(
            f"the label {row.label!r} is not in the list of {len(labels)} labels",
            where=row.source,
            remedy="correct the row or the list",
        )
    return row.label


def _reference(row: Row) -> str:
    return str(question_and_answer(row)[1]["content"])


def _plain(row: Row) -> str:
    return "\n".join(str(message.get("content", "")) for message in row.messages)


def _slices(row: Row) -> tuple[str, ...]:
    return (row.language,) if row.language else ()


def _graded(
    row: Row, answer: str, correct: bool, parsed: bool, detail: dict[str, Any]
) -> ItemRecord:
    return ItemRecord(
        id=row.id,
        slices=_slices(row),
        input=readable(row),
        expected=row.label or _reference(row),
        answer=answer,
        correct=correct,
        parsed=parsed,
        numerator=1.0 if correct else 0.0,
        denominator=1.0,
        detail=detail,
    )
