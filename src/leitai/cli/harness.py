"""The verb that runs tasks of lm-evaluation-harness."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from leitai.base.errors import LeitaiError
from leitai.base.yamltext import parse_yaml
from leitai.cli import show
from leitai.cli.options import Adapter, Device, Dtype


def lm_eval(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A checkpoint folder or hub id.")],
    tasks: Annotated[
        str, typer.Option("--tasks", "-t", metavar="A,B", help="Tasks, groups, tags or patterns.")
    ],
    adapter: Adapter = None,
    num_fewshot: Annotated[
        int | None, typer.Option("--num-fewshot", "-f", min=0, help="Examples before a question.")
    ] = None,
    limit: Annotated[
        float | None, typer.Option("--limit", "-L", help="Items of a task; below 1: a share.")
    ] = None,
    apply_chat_template: Annotated[
        bool, typer.Option("--apply-chat-template", help="Ask in the model's chat format.")
    ] = False,
    multiturn: Annotated[
        bool,
        typer.Option(
            "--fewshot-as-multiturn/--fewshot-as-text", help="How examples stand in a chat."
        ),
    ] = True,
    system_instruction: Annotated[
        str | None, typer.Option("--system-instruction", help="A system message.")
    ] = None,
    gen_kwargs: Annotated[
        str | None,
        typer.Option("--gen-kwargs", metavar="YAML", help='Such as "{max_gen_toks: 64}".'),
    ] = None,
    max_length: Annotated[
        int | None, typer.Option("--max-length", min=1, help="Tokens; else what the model takes.")
    ] = None,
    thinking: Annotated[
        bool | None, typer.Option("--thinking/--no-thinking", help="For templates that can.")
    ] = None,
    include_path: Annotated[
        Path | None, typer.Option("--include-path", metavar="DIR", help="Your own tasks, as YAML.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Else runs/lm-eval/<model>.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the choice of examples.")] = 1234,
    dtype: Dtype = "float32",
    device: Device = "cpu",
) -> None:
    """Run tasks of lm-evaluation-harness; its own table, computed by our engine.

    Needs pip install 'leitai[lm-eval]'. Writes results.json, table.md and samples/.

    Examples:

        leitai lm-eval ./qwen --tasks arc_easy,hellaswag --num-fewshot 5 --limit 100

        leitai lm-eval ./llama --adapter runs/support/adapter --tasks shop --include-path my-tasks

        leitai lm-eval Qwen/Qwen2.5-0.5B-Instruct -t gsm8k --apply-chat-template --dtype bfloat16
    """
    from leitai.evaluation.harness_run import (
        HarnessOptions,
        require_harness,
        results_table,
        run_harness,
        save_results,
    )

    require_harness()
    from leitai.evaluation.harness import LeitaiLM

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    settings = {} if gen_kwargs is None else parse_yaml(gen_kwargs, "--gen-kwargs").data
    if not isinstance(settings, dict):
        raise LeitaiError(
            "expected names and values", where="--gen-kwargs", remedy="write {max_gen_toks: 64}"
        )
    results = run_harness(
        lambda: LeitaiLM(
            model,
            adapter=adapter,
            dtype=dtype,
            device=device,
            max_length=max_length,
            enable_thinking=thinking,
        ),
        [task.strip() for task in tasks.split(",") if task.strip()],
        HarnessOptions(
            num_fewshot=num_fewshot,
            limit=limit,
            apply_chat_template=apply_chat_template,
            fewshot_as_multiturn=multiturn,
            system_instruction=system_instruction,
            gen_kwargs=settings,
            include_path=include_path,
            seed=seed,
        ),
    )
    folder = out or Path("runs") / "lm-eval" / Path(model).name
    save_results(results, folder)
    show.line(results_table(results))
    show.line(f"Results: {show.short(folder / 'results.json')}")
