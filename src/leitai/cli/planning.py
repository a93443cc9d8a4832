"""The verb that forecasts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from leitai.base.errors import LeitaiError
from leitai.base.files import read_text
from leitai.base.yamltext import parse_yaml
from leitai.cli import show
from leitai.cli.options import DataRoot, Device, Set
from leitai.cli.planned import device_of

if TYPE_CHECKING:
    from leitai.comparison.calls import Calls
    from leitai.comparison.forecast import Forecast
    from leitai.planning import Plan
    from leitai.planning.asking import Kind


def plan(
    spec: Annotated[
        Path | None, typer.Argument(metavar="[SPEC.yaml]", help="Of train or compare.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="M", help="A name such as Qwen2.5-7B, or a folder."),
    ] = None,
    task: Annotated[
        Literal["train", "score", "generate"], typer.Option("--task", help="What is to be done.")
    ] = "train",
    method: Annotated[
        Literal["lora", "dora", "adalora", "ia3", "full", "freeze"],
        typer.Option("--method", help="train: what is trained."),
    ] = "lora",
    rows: Annotated[int | None, typer.Option("--rows", help="train: training rows.")] = None,
    tokens: Annotated[int | None, typer.Option("--tokens", help="train: tokens a row.")] = None,
    targets: Annotated[
        int | None, typer.Option("--targets", help="train: target tokens a row; a fifth of them.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", help="train: passes over the rows; 3.")
    ] = None,
    batch_rows: Annotated[
        int | None, typer.Option("--batch-rows", help="train: rows a batch; 16.")
    ] = None,
    accumulation: Annotated[
        int | None, typer.Option("--accumulation", help="train: batches a step; 1.")
    ] = None,
    rank: Annotated[int | None, typer.Option("--rank", help="train: rank of the adapter.")] = None,
    ranks: Annotated[
        int | None, typer.Option("--ranks", min=1, help="train: processes, a device each; 1.")
    ] = None,
    top_blocks: Annotated[
        int | None, typer.Option("--top-blocks", help="train: blocks that freeze trains.")
    ] = None,
    items: Annotated[int | None, typer.Option("--items", help="score: items.")] = None,
    context: Annotated[
        int | None, typer.Option("--context", help="score: tokens of context an item.")
    ] = None,
    choices: Annotated[
        int | None, typer.Option("--choices", help="score: answers an item; 1.")
    ] = None,
    answer: Annotated[
        int | None, typer.Option("--answer", help="score: tokens an answer; 5.")
    ] = None,
    requests: Annotated[int | None, typer.Option("--requests", help="generate: requests.")] = None,
    prompt: Annotated[
        int | None, typer.Option("--prompt", help="generate: tokens a prompt.")
    ] = None,
    new_tokens: Annotated[
        int | None, typer.Option("--new-tokens", help="generate: new tokens a request.")
    ] = None,
    streams: Annotated[
        int | None, typer.Option("--streams", help="generate: requests written at once; 64.")
    ] = None,
    shared: Annotated[
        int | None, typer.Option("--shared", help="Tokens that all begin with, computed once.")
    ] = None,
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16", "int8", "int4", "nf4"],
        typer.Option("--dtype", help="Of the weights, or under full and freeze of the products."),
    ] = "float32",
    device: Device = "cpu",
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure the machine anew; else once a day.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data_root: DataRoot = None,
    set_: Set = None,
) -> None:
    """Forecast memory, operations and time before anything is downloaded or run.

    Give a spec, or a model with a task and its numbers. The forecast is for a machine that has
    nothing else to do.

    Examples:

        leitai plan examples/train.yaml

        leitai plan --model Qwen2.5-7B --task train --rows 10000 --tokens 120 --method lora

        leitai plan -m Llama-3.2-1B --task generate --requests 500 --prompt 200 --new-tokens 100
    """
    if spec is not None:
        _show_spec(
            spec, measure=measure, json=json, data_root=data_root, overrides=set_, ranks=ranks
        )
        return
    if model is None:
        raise LeitaiError("expected a SPEC.yaml or --model", where="plan", remedy="give one")
    _show_task(
        model,
        task,
        method,
        {
            **{"rows": rows, "tokens": tokens, "targets": targets, "epochs": epochs},
            **{"batch_rows": batch_rows, "accumulation": accumulation, "rank": rank},
            **{"top_blocks": top_blocks, "items": items, "context": context, "choices": choices},
            **{"answer": answer, "requests": requests, "prompt": prompt, "shared": shared},
            **{"new_tokens": new_tokens, "streams": streams, "ranks": ranks},
        },
        dtype=dtype,
        device=device,
        measure=measure,
        json=json,
    )


def _show_task(
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
    from leitai.planning import find_shape, make_plan, measured_machine
    from leitai.planning.asking import make_task

    task = make_task(kind, method, numbers)
    if kind == "train" and dtype in ("int8", "int4", "nf4") and method != "lora":
        raise LeitaiError(
            f"{method} cannot train over {dtype} weights", where="--dtype", remedy="use lora"
        )
    shape = find_shape(model)
    machine = measured_machine(device, anew=measure)
    _show({shape.name: make_plan(shape.config, task, machine, dtype)}, json=json)


def _show_spec(
    path: Path,
    *,
    measure: bool,
    json: bool,
    data_root: Path | None,
    overrides: Sequence[str] | None,
    ranks: int | None,
) -> None:
    from leitai.comparison.forecast import forecast
    from leitai.planning import measured_machine
    from leitai.planning.specs import plan_train_spec

    data = parse_yaml(read_text(path, limit=1 << 20), str(path)).data
    duel = isinstance(data, dict) and "contenders" in data
    machine = measured_machine(device_of(data.get("runtime") if duel else data), anew=measure)
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
