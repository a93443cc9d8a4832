"""The comparison of what was done with its forecast."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leitai.base.memory import peak_bytes
from leitai.base.ranks import world_size
from leitai.base.specfile import load_spec
from leitai.cli import show

if TYPE_CHECKING:
    from leitai.comparison.duel import Duel
    from leitai.inference import LanguageModel
    from leitai.planning import Machine
    from leitai.planning.asked import Asked
    from leitai.training import TrainResult

Rows = Sequence[dict[str, Any]]

_WAIT_SECONDS = 3.0
"""How long a finished command may be kept for the comparison with its plan."""

_SAMPLE = 512
"""Rows of a file whose tokens are counted for its plan."""

WORTH_SECONDS = 10.0
"""Work that took less is not worth a word on plans where the machine was never measured."""

UNMEASURED = "run `leitai plan` once: what is done is then compared with what was planned"


def device_of(part: object) -> str:
    """Return which kind of device the part of a spec with the key `device` names."""
    named = part.get("device", "cpu") if isinstance(part, dict) else "cpu"
    return str(named).partition(":")[0]


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Yield what holds "seconds" and "peak_bytes" once the block is left."""
    cost: dict[str, float] = {}
    started = time.perf_counter()
    yield cost
    cost |= {"seconds": time.perf_counter() - started, "peak_bytes": peak_bytes()}


def compare_training(
    spec: Path, result: "TrainResult", *, data_root: Path | None, overrides: Sequence[str]
) -> None:
    """Say how a training run compares with its plan."""

    def lines(machine: "Machine") -> Iterator[str]:
        from dataclasses import asdict

        from leitai.planning import prediction_error
        from leitai.planning.specs import plan_train_spec

        base = result.output.parent / "base"
        _, plan = plan_train_spec(
            spec,
            machine,
            data_root=data_root,
            overrides=overrides,
            base=base if base.is_dir() else None,
            ranks=world_size(),
        )
        yield str(prediction_error(plan, asdict(result), steps=result.steps))

    from leitai.training.job import TrainJob

    _say_soon(load_spec(spec, TrainJob, list(overrides)).device, result.seconds, lines)


def compare_duel(
    spec: Path,
    duel: "Duel",
    seconds: float,
    *,
    data_root: Path | None,
    overrides: Sequence[str],
) -> None:
    """Say how the parts of a duel compare with their plans; nothing where any was done before."""
    from leitai.comparison.spec import CompareSpec

    def lines(machine: "Machine") -> Iterator[str]:
        from leitai.comparison.forecast import forecast
        from leitai.comparison.hindsight import hindsight

        found = forecast(spec, machine, data_root=data_root, overrides=overrides, run=duel.folder)
        for name, error in hindsight(found, about, duel.folder):
            yield f"{name}: {error}"

    if duel.reused:
        return  # what was taken over may have been done on another machine
    about = load_spec(spec, CompareSpec, list(overrides))
    _say_soon(about.runtime.device, seconds, lines)


def compare_asking(
    lm: "LanguageModel",
    out: Path,
    task: Callable[["LanguageModel", Rows], "Asked"],
    cost: dict[str, float],
    dtype: str,
) -> None:
    """Say how answering a file compares with the plan of a sample's task, taken for all rows.

    Args:
        lm: the model.
        out: the file of answers.
        task: `scored` or `written`.
        cost: "seconds" and "peak_bytes".
        dtype: that the model was loaded in.
    """

    def lines(machine: "Machine") -> Iterator[str]:
        from leitai.data import read_jsonl
        from leitai.planning import make_plan, prediction_error
        from leitai.planning.asked import as_many

        rows = [row for _, row in read_jsonl(out)]
        sample = rows[:_SAMPLE]
        asked = as_many(task(lm, sample), len(rows) / len(sample))
        plan = make_plan(lm.decoder.config, asked, machine, dtype)
        yield str(prediction_error(plan, cost))

    _say_soon(lm.decoder.device.type, cost["seconds"], lines)


def scored(lm: "LanguageModel", rows: Rows) -> "Asked":
    """Return the task of scoring rows of {"context", "continuation"}."""
    from leitai.inference.encoding import encode_pair
    from leitai.planning.asked import task_of_scoring

    return task_of_scoring(
        [encode_pair(lm.tokenizer, row["context"], row["continuation"]) for row in rows]
    )


def written(lm: "LanguageModel", rows: Rows) -> "Asked":
    """Return the task of writing what rows of {"prompt"} or {"messages"} say in "tokens"."""
    from leitai.inference.requests import prompt_ids
    from leitai.planning.asked import task_of_writing

    prompts = [prompt_ids(lm, row, "") for row in rows]
    return task_of_writing(prompts, [row["tokens"] for row in rows])


def _say_soon(device: str, seconds: float, lines: Callable[["Machine"], Iterable[str]]) -> None:
    """Print the lines if they are known quickly.

    A machine that was never measured is not measured for this: the work is done.

    Args:
        device: that it was done on.
        seconds: that it took.
        lines: what to say, from the measured machine.
    """
    found: list[str] = []

    def work() -> None:
        from leitai.planning import cached_machine

        # whatever goes wrong here, the work itself is fine
        try:
            machine = cached_machine(device, max_age=float("inf"))
            if machine is not None:
                found.extend(lines(machine))
            elif seconds >= WORTH_SECONDS:
                found.append(UNMEASURED)
        except Exception:
            found.clear()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(_WAIT_SECONDS)
    if not thread.is_alive():
        for text in found:
            show.line(text)
