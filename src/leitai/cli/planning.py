"""The verb that forecasts, and the comparison of a run with its forecast."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leitai.base.errors import LeitaiError
from leitai.base.files import read_text
from leitai.base.ranks import world_size
from leitai.base.yamltext import parse_yaml
from leitai.cli import show

if TYPE_CHECKING:
    from leitai.comparison.calls import Calls
    from leitai.comparison.forecast import Forecast
    from leitai.planning import Plan
    from leitai.planning.asking import Kind
    from leitai.training import TrainResult

_WAIT_SECONDS = 1.5
"""How long a finished run may be kept for the comparison with its plan."""


def show_task(
    model: str,
    kind: "Kind",
    method: str,
    numbers: Mapping[str, int | None],
    *,
    dtype: str,
    device: str,
    measure: bool,
    json: bool,
) -> None:
    """Plan a task given by numbers."""
    from leitai.planning import find_shape, make_plan, measured_machine
    from leitai.planning.asking import make_task

    task = make_task(kind, method, numbers)
    if kind == "train" and dtype in ("int8", "int4"):
        raise LeitaiError(f"training in {dtype} is not supported", where="--dtype")
    shape = find_shape(model)
    machine = measured_machine(device, anew=measure)
    _show({shape.name: make_plan(shape.config, task, machine, dtype)}, json=json)


def show_spec(
    path: Path,
    *,
    measure: bool,
    json: bool,
    data_root: Path | None,
    overrides: Sequence[str] | None,
    ranks: int | None,
) -> None:
    """Plan what a spec of train or compare would do."""
    from leitai.comparison.forecast import forecast
    from leitai.planning import measured_machine
    from leitai.planning.specs import plan_train_spec

    data = parse_yaml(read_text(path, limit=1 << 20), str(path)).data
    duel = isinstance(data, dict) and "contenders" in data
    key = data.get("runtime") if duel else data
    device = str(key.get("device", "cpu")) if isinstance(key, dict) else "cpu"
    machine = measured_machine(device.partition(":")[0], anew=measure)
    options = {"data_root": data_root, "overrides": overrides or []}
    if duel:
        _show_duel(forecast(path, machine, **options), json=json)  # type: ignore[arg-type]
    else:
        name, plan = plan_train_spec(path, machine, ranks=ranks or 1, **options)  # type: ignore[arg-type]
        _show({name: plan}, json=json)


def _show(plans: Mapping[str, "Plan"], *, json: bool) -> None:
    if json:
        import json as writer

        show.line(writer.dumps({name: plan.to_dict() for name, plan in plans.items()}, indent=1))
        return
    for name, plan in plans.items():
        _table(name, plan)


def _show_duel(found: "Forecast", *, json: bool) -> None:
    """Show every part, what servers are asked, and the sum of both, as a range."""
    from leitai.planning.words import gigabytes

    if json:
        import json as writer

        parts: dict[str, object] = {
            name: part.plan.to_dict()
            | {"times": part.times, "items": part.items, "seconds_in_all": part.seconds}
            for name, part in found.parts.items()
        }
        asked = {name: calls.to_dict() for name, calls in found.calls.items()}
        whole = {"parts": parts, "calls": asked, "unplanned": found.unplanned}
        show.line(writer.dumps(whole | {"seconds": found.seconds}, indent=1))
        return
    for name, part in found.parts.items():
        _table(name, part.plan)
        if part.times > 1:
            show.line(f"{part.times} times, once for each seed: {_between(*part.seconds)}")
        elif part.least is not None:
            show.line(f"asking may stop early: {_between(*part.seconds)}")
    for name, calls in found.calls.items():
        _calls(name, calls)
    for name in found.unplanned:
        show.line(f"{name}: not planned; it is run by transformers")
    if found.parts:
        peak = max(part.plan.peak_bytes for part in found.parts.values())
        fit = all(part.plan.fits for part in found.parts.values())
        verdict = "all fits" if fit else "does not all fit"
        show.line(
            f"{verdict}: {gigabytes(peak)} at most; about {_between(*found.seconds)} together"
        )


def _between(low: float, high: float) -> str:
    from leitai.planning.words import duration

    return duration(high) if low == high else f"{duration(low)} to {duration(high)}"


def _calls(name: str, calls: "Calls") -> None:
    """Say what a server is asked."""
    from leitai.planning.words import duration

    def span(pair: tuple[float, float], form: str = ",.0f") -> str:
        low, high = (format(value, form) for value in pair)
        return high if low == high else f"{low} to {high}"

    show.line(
        f"{name}: {span(calls.requests)} requests to the server, about "
        f"{span(calls.prompt_tokens)} tokens read and {span(calls.written_tokens)} written"
    )
    if calls.cost is not None:
        show.line(f"about {span(calls.cost, ',.2f')} {calls.currency}")
    if calls.seconds[1]:
        show.line(f"at least {duration(calls.seconds[0])}, by requests_per_minute alone")


def _table(name: str, plan: "Plan") -> None:
    from rich.table import Table

    from leitai.planning.words import duration, gigabytes, operations

    trained = f", {plan.trainable:,} trained" if plan.trainable else ""
    show.line(f"{name}: {plan.task}, {plan.parameters:,} parameters{trained}")
    table = Table("memory", "", "time", "", show_edge=False)
    memory = [(part, gigabytes(size)) for part, size in _largest(plan.memory) if size]
    time = [(part, duration(seconds)) for part, seconds in _largest(plan.time) if seconds > 0]
    for row in range(max(len(memory), len(time))):
        cells = (*_cell(memory, row), *_cell(time, row))
        table.add_row(*cells)
    show.picture(table)
    show.line(
        f"{plan.tokens:,.0f} tokens in {plan.steps:,} steps, {operations(plan.flops)}, "
        f"{plan.tokens_per_second:,.3g} tokens/s"
    )
    if plan.checkpointing is not None:
        show.line(plan.checkpointing.sentence)
    show.line(plan.sentence)


def _largest(parts: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(parts.items(), key=lambda part: -part[1])


def _cell(rows: list[tuple[str, str]], row: int) -> tuple[str, str]:
    return rows[row] if row < len(rows) else ("", "")


def compare_with_plan(
    spec: Path, result: "TrainResult", *, data_root: Path | None, overrides: Sequence[str]
) -> None:
    """Say how a run compares with what `leitai plan` says of it, if that is known quickly.

    A machine that was never measured is not measured for this: the run is over.
    """
    lines: list[str] = []

    def work() -> None:
        # whatever goes wrong here, the run itself is fine
        try:
            lines.append(_comparison(spec, result, data_root, overrides))
        except Exception:
            lines.append("")

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(_WAIT_SECONDS)
    if lines and lines[0]:
        show.line(lines[0])


def _comparison(
    spec: Path, result: "TrainResult", data_root: Path | None, overrides: Sequence[str]
) -> str:
    from dataclasses import asdict

    from leitai.planning import cached_machine, prediction_error
    from leitai.planning.specs import plan_train_spec

    machine = cached_machine(max_age=float("inf"))
    if machine is None:
        return "run `leitai plan` once: runs are then compared with what was planned"
    base = result.output.parent / "base"
    _, plan = plan_train_spec(
        spec,
        machine,
        data_root=data_root,
        overrides=overrides,
        base=base if base.is_dir() else None,
        ranks=world_size(),
    )
    return str(prediction_error(plan, asdict(result), steps=result.steps))
