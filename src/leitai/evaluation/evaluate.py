"""Ask one contender every item of a task, chunk by chunk, and keep what comes back."""

from collections.abc import Sequence
from pathlib import Path

from leitai.base.progress import Ticker
from leitai.data import Row
from leitai.evaluation.records import ItemRecord, read_records, write_records
from leitai.evaluation.respondents import Respondent, refuse_unable
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

    Finished chunks are kept beside `path`, so a killed run goes on where it stopped.

    Raises:
        LeitaiError: the respondent lacks an ability, or an item cannot be asked (too long, no
            template, one class only).
    """
    refuse_unable(respondent, task.needs, task.name)
    parts = path.with_suffix(".parts")
    done: list[ItemRecord] = []
    for start in range(0, len(items), CHUNK):
        part = parts / f"{start:08d}.jsonl"
        if not part.exists():
            write_records(part, task.assess(items[start : start + CHUNK], labels, respondent))
        done += read_records(part)
        if tick:
            tick(len(done))
    write_records(path, done)
    for part in parts.glob("*.jsonl"):
        part.unlink()
    parts.rmdir()
