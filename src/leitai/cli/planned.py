"""The comparison of what was done with its forecast."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leitai.base.files import read_text
from leitai.base.memory import peak_bytes
from leitai.base.ranks import world_size
from leitai.base.yamltext import parse_yaml
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

    about = parse_yaml(read_text(spec, limit=1 << 20), str(spec)).data
    _say_soon(device_of(about), result.seconds, lines)


def compare_duel(
    spec: Path,
    duel: "Duel",
    seconds: float,
    *,
    data_root: Path | None,
    overrides: Sequence[str],
) -> None:
    """Say how the parts of a duel compare with their plans; nothing where any was done before."""

    def lines(machine: "Machine") -> Iterator[str]:
        from leitai.base.specfile import load_spec
        from leitai.comparison.forecast import forecast
        from leitai.comparison.hindsight import hindsight
        from leitai.comparison.spec import CompareSpec

        found = forecast(spec, machine, data_root=data_root, overrides=overrides, run=duel.folder)
        about = load_spec(spec, CompareSpec, list(overrides))
        for name, error in hindsight(found, about, duel.folder):
            yield f"{name}: {error}"

    if duel.reused:
        return  # what was taken over may have been done on another machine
    about = parse_yaml(read_text(spec, limit=1 << 20), str(spec)).data
    device = device_of(about.get("runtime") if isinstance(about, dict) else None)
    _say_soon(device, seconds, lines)


def compare_scoring(lm: "LanguageModel", out: Path, cost: dict[str, float], dtype: str) -> None:
    """Say how scoring a file compares with its plan.

    Args:
        lm: the model.
        out: the file of scores.
        cost: "seconds" and "peak_bytes".
        dtype: that the model was loaded in.
    """

    def task(rows: Rows) -> "Asked":
        from leitai.inference.encoding import encode_pair
        from leitai.planning.asked import task_of_scoring

        pairs = [encode_pair(lm.tokenizer, r["context"], r["continuation"]) for r in rows]
        return task_of_scoring(pairs)

    _compare_asking(lm, out, task, cost, dtype)


def compare_writing(lm: "LanguageModel", out: Path, cost: dict[str, float], dtype: str) -> None:
    """Say how continuing a file compares with the plan of writing as many tokens.

    Args:
        lm: the model.
        out: the file of continuations.
        cost: "seconds" and "peak_bytes".
        dtype: that the model was loaded in.
    """

    def task(rows: Rows) -> "Asked":
        from leitai.inference.requests import prompt_ids
        from leitai.planning.asked import task_of_writing

        prompts = [prompt_ids(lm, row, "") for row in rows]
        return task_of_writing(prompts, [row["tokens"] for row in rows])

    _compare_asking(lm, out, task, cost, dtype)


def _compare_asking(
    lm: "LanguageModel",
    out: Path,
    task: Callable[[Rows], "Asked"],
    cost: dict[str, float],
    dtype: str,
) -> None:
    """Compare with the plan of a sample's task, taken for all rows of the file."""

    def lines(machine: "Machine") -> Iterator[str]:
        from leitai.data import read_jsonl
        from leitai.planning import make_plan, prediction_error
        from leitai.planning.asked import as_many

        rows = [row for _, row in read_jsonl(out)]
        sample = rows[:_SAMPLE]
        asked = as_many(task(sample), len(rows) / len(sample))
        plan = make_plan(lm.decoder.config, asked, machine, dtype)
        yield str(prediction_error(plan, cost))

    _say_soon(lm.decoder.device.type, cost["seconds"], lines)


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
