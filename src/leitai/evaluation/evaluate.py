"""Ask one contender every item of a task, part by part, and keep what comes back."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from leitai.base.progress import Ticker
from leitai.data import Row
from leitai.evaluation.records import ItemRecord, read_records, write_records
from leitai.evaluation.respondents import Respondent, refuse_unable
from leitai.evaluation.respondents.noting import Noting
from leitai.evaluation.tasks import BaseTask

CHUNK = 128
"""Items scored and saved together; fixed, so that a resumed run repeats the same computation."""


def evaluate(
    task: BaseTask,
    items: Sequence[Row],
    labels: tuple[str, ...],
    respondent: Respondent,
    path: Path,
    tick: Ticker | None = None,
) -> None:
    """Score `items` in their order and write one record each to `path`.

    Finished parts are kept beside `path`, so a killed run goes on where it stopped.

    Raises:
        LeitaiError: the respondent lacks an ability, or an item cannot be asked (too long, no
            template, one class only).
    """
    done: list[ItemRecord] = []
    for start in range(0, len(items), CHUNK):
        done += ask_part(task, items, labels, respondent, path, start, start + CHUNK)
        if tick:
            tick(len(done))
    finish(path, done)


def parts_of(path: Path) -> Path:
    """Return the folder of the parts that have been asked."""
    return path.with_suffix(".parts")


def ask_part(
    task: BaseTask,
    items: Sequence[Row],
    labels: tuple[str, ...],
    respondent: Respondent,
    path: Path,
    start: int,
    stop: int,
) -> list[ItemRecord]:
    """Score the items from `start` to `stop`, or find them scored.

    Raises:
        LeitaiError: as `evaluate`.
    """
    part = parts_of(path) / f"{start:08d}.jsonl"
    if not part.exists():
        refuse_unable(respondent, task.needs, task.name)
        noting = Noting(respondent)
        records = task.assess(items[start:stop], labels, noting)
        write_records(part, (replace(r, detail=noting.of(r.id) | r.detail) for r in records))
    return read_records(part)


def finish(path: Path, records: Sequence[ItemRecord]) -> None:
    """Write the records of all parts as one file, and remove the parts."""
    write_records(path, records)
    parts = parts_of(path)
    for part in parts.glob("*.jsonl"):
        part.unlink()
    parts.rmdir()
