"""The verbs. Each reads its options, calls one function of the rooms below and shows the result."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from leitai.base import LeitaiError
from leitai.base import ranks as processes
from leitai.cli import harness, show, sizing, tokenizing
from leitai.cli.launching import launch
from leitai.cli.options import (
    Adapter,
    DataRoot,
    Device,
    Dtype,
    MaxTokens,
    MinP,
    Model,
    Penalty,
    Seed,
    Set,
    SpecFile,
    Stop,
    System,
    Temperature,
    TopK,
    TopP,
)

app = typer.Typer(
    name="leitai",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Leitai 擂台: Qwen or Llama 3, for my task, at what cost, "
    "and how sure are we?\n\n"
    "Begin with leitai compare examples/demo.yaml.",
)
data_app = typer.Typer(no_args_is_help=True, help="Public data sets: list and download.")
app.add_typer(data_app, name="data")


@app.command()
def compare(
    spec: Annotated[
        Path | None, typer.Argument(metavar="[SPEC.yaml]", help="What to do, as YAML.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Run folder; else runs/<name>.")] = None,
    data_root: DataRoot = None,
    set_: Set = None,
    suite: Annotated[
        str | None, typer.Option("--suite", help="Instead of a spec: article.", metavar="NAME")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="This claim of the suite; repeatable.", metavar="CLAIM"),
    ] = None,
    model_a: Annotated[
        str | None, typer.Option("--model-a", help="A Qwen checkpoint for the suite.", metavar="M")
    ] = None,
    model_b: Annotated[
        str | None, typer.Option("--model-b", help="A Llama 3 one for the suite.", metavar="M")
    ] = None,
) -> None:
    """Compare two to eight contenders, or put the claims of an article to the test.

    Writes verdict.json, report.html, report.md and scores/ into the run folder; a suite writes
    claims.json, claims.html and claims.md. Run the same command again to continue a stopped run.

    Examples:

        leitai compare examples/demo.yaml

        leitai compare examples/banking77.yaml --data-root ~/data --set adapt.epochs=3

        leitai compare --suite article --only languages --model-a ./qwen --model-b ./llama
    """
    from leitai.cli import suites

    for_suite: dict[str, object] = {"--only": only, "--model-a": model_a, "--model-b": model_b}
    suites.refuse_mixture(spec, suite, {"--set": set_}, for_suite)
    if suite is not None:
        suites.run_suite(suite, out, only=only or [], model_a=model_a, model_b=model_b)
        return
    from leitai.comparison.duel import compare as run

    show.duel(run(Path(str(spec)), out, data_root=data_root, overrides=set_ or []))


@app.command()
def train(
    spec: SpecFile,
    out: Annotated[Path | None, typer.Option("--out", help="Run folder; else runs/<name>.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest checkpoint in the run folder.")
    ] = False,
    data_root: DataRoot = None,
    set_: Set = None,
    ranks: Annotated[
        int, typer.Option("--ranks", min=1, help="So many processes on this machine; see torchrun.")
    ] = 1,
) -> None:
    """Fine-tune one model: by an adapter such as LoRA, in full or in part.

    Example:

        leitai train examples/train.yaml --out runs/support --resume

        torchrun --nproc-per-node 8 -m leitai train examples/train.yaml
    """
    if ranks > 1 and processes.world_size() == 1:
        launch(ranks)
        return
    from leitai.cli.exporting import write_card
    from leitai.cli.planning import compare_with_plan
    from leitai.evaluation.validation import METRICS, write
    from leitai.training.job import run_train_job

    result = run_train_job(
        spec,
        out,
        resume=resume,
        data_root=data_root,
        overrides=set_ or [],
        metrics=METRICS,
        write=write,
    )
    if processes.rank() > 0:
        return  # the first of several processes tells
    write_card(result)
    compare_with_plan(spec, result, data_root=data_root, overrides=set_ or [])
    show.training(result)


@app.command()
def score(
    model: Model,
    requests: Annotated[
        Path, typer.Option("--requests", help='JSONL rows {"context", "continuation"}.')
    ],
    out: Annotated[Path, typer.Option("--out", help="The rows with their scores, as JSONL.")],
    adapter: Adapter = None,
    dtype: Dtype = "float32",
    device: Device = "cpu",
) -> None:
    """Give texts their log-probability: adds logprob, tokens, bytes and greedy to every row.

    Example:

        leitai score --model ./qwen --requests in.jsonl --out out.jsonl
    """
    from leitai.cli import writing

    writing.score_file(writing.Place(model, dtype, device, adapter), requests, out)


@app.command()
def generate(
    model: Model,
    prompt: Annotated[str | None, typer.Option("--prompt", help="One prompt.")] = None,
    prompts: Annotated[
        Path | None, typer.Option("--prompts", help='JSONL rows {"prompt"} or {"messages"}.')
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The rows with their texts.")] = None,
    adapter: Adapter = None,
    max_tokens: MaxTokens = 256,
    temperature: Temperature = 0.0,
    top_k: TopK = 0,
    top_p: TopP = 1.0,
    min_p: MinP = 0.0,
    repetition_penalty: Penalty = 1.0,
    stop: Stop = None,
    seed: Seed = 0,
    dtype: Dtype = "float32",
    device: Device = "cpu",
) -> None:
    """Continue a text, or every row of a file.

    Examples:

        leitai generate --model ./qwen --prompt "从前有座山，" --max-tokens 60

        leitai generate --model ./llama --prompts questions.jsonl --out answers.jsonl
    """
    from leitai.cli import writing

    options = writing.Options(
        max_tokens=max_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        stop=stop or [],
        seed=seed,
    )
    place = writing.Place(model, dtype, device, adapter)
    if prompt is not None and prompts is None:
        writing.generate_one(place, prompt, options)
    elif prompts is not None and prompt is None:
        writing.generate_file(place, prompts, out, options)
    else:
        raise LeitaiError("expected either --prompt or --prompts", where="generate")


@app.command()
def chat(
    model: Model,
    adapter: Adapter = None,
    system: System = None,
    thinking: Annotated[
        bool | None, typer.Option("--thinking/--no-thinking", help="For templates that can.")
    ] = None,
    max_tokens: MaxTokens = 512,
    temperature: Temperature = 0.7,
    top_p: TopP = 0.9,
    seed: Seed = 0,
    dtype: Dtype = "float32",
    device: Device = "cpu",
) -> None:
    """Talk with a model; an empty line or Ctrl-D ends.

    Example:

        leitai chat --model runs/demo/contenders/A/run/model
    """
    from leitai.cli import writing

    options = writing.Options(
        max_tokens=max_tokens, temperature=temperature, top_p=top_p, seed=seed
    )
    place = writing.Place(model, dtype, device, adapter)
    writing.converse(place, options, system=system, thinking=thinking)


@app.command()
def preview(
    model: Model,
    data: Annotated[str, typer.Option("--data", help="A data file, or a set such as bookshop.")],
    rows: Annotated[int, typer.Option("--rows", min=1, help="How many rows to show.")] = 3,
    max_length: Annotated[int, typer.Option("--max-length", min=1, help="Tokens a row.")] = 2048,
    system: System = None,
    thinking: Annotated[
        bool | None, typer.Option("--thinking/--no-thinking", help="For templates that can.")
    ] = None,
    data_root: DataRoot = None,
) -> None:
    """Show what training would see: ids, tokens, and which of them are targets.

    The prompt is grey, targets are bright.

    Example:

        leitai preview --model Qwen/Qwen2.5-0.5B-Instruct --data support.jsonl
    """
    from leitai.cli.looking import preview_data

    preview_data(
        model,
        data,
        rows=rows,
        max_length=max_length,
        system=system,
        thinking=thinking,
        data_root=data_root,
    )


@app.command()
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
    rows: Annotated[int | None, typer.Option("--rows", help="train: how many.")] = None,
    tokens: Annotated[int | None, typer.Option("--tokens", help="train: of a row.")] = None,
    targets: Annotated[
        int | None, typer.Option("--targets", help="train: of them predicted; default a fifth.")
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", help="train: passes; 3.")] = None,
    batch_rows: Annotated[
        int | None, typer.Option("--batch-rows", help="train: rows at once; 16.")
    ] = None,
    accumulation: Annotated[
        int | None, typer.Option("--accumulation", help="train: batches to a step; 1.")
    ] = None,
    rank: Annotated[int | None, typer.Option("--rank", help="train: of LoRA or its like.")] = None,
    ranks: Annotated[
        int | None, typer.Option("--ranks", min=1, help="train: processes, a device each; 1.")
    ] = None,
    top_blocks: Annotated[
        int | None, typer.Option("--top-blocks", help="train: blocks that freeze trains.")
    ] = None,
    items: Annotated[int | None, typer.Option("--items", help="score: how many.")] = None,
    context: Annotated[int | None, typer.Option("--context", help="score: tokens before.")] = None,
    choices: Annotated[
        int | None, typer.Option("--choices", help="score: answers each; 1.")
    ] = None,
    answer: Annotated[int | None, typer.Option("--answer", help="score: tokens of one; 5.")] = None,
    requests: Annotated[int | None, typer.Option("--requests", help="generate: how many.")] = None,
    prompt: Annotated[int | None, typer.Option("--prompt", help="generate: tokens of one.")] = None,
    new_tokens: Annotated[
        int | None, typer.Option("--new-tokens", help="generate: tokens to write for each.")
    ] = None,
    streams: Annotated[
        int | None, typer.Option("--streams", help="generate: written together; 64.")
    ] = None,
    shared: Annotated[
        int | None, typer.Option("--shared", help="Tokens that all begin with, computed once.")
    ] = None,
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16", "int8", "int4"],
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
    from leitai.cli import planning

    if spec is not None:
        planning.show_spec(
            spec, measure=measure, json=json, data_root=data_root, overrides=set_, ranks=ranks
        )
        return
    if model is None:
        raise LeitaiError("expected a SPEC.yaml or --model", where="plan", remedy="give one")
    planning.show_task(
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


@app.command()
def export(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A checkpoint, hub id or training run folder.")
    ],
    out: Annotated[Path, typer.Option("--out", help="A new folder.")],
    to: Annotated[
        Literal["hf", "gguf"], typer.Option("--to", help="Hugging Face folder, or for llama.cpp.")
    ] = "hf",
    adapter: Adapter = None,
    type_: Annotated[
        Literal["f32", "f16", "bf16", "q8_0", "q4_0"] | None,
        typer.Option("--type", help="Of the weights; hf: f32, gguf: bf16. q8_0 and q4_0: gguf."),
    ] = None,
) -> None:
    """Hand a model over: adapter merged, logits checked, model card written.

    Examples:

        leitai export runs/support --out support-hf

        leitai export ./qwen --adapter ./adapter --to gguf --type q8_0 --out support-gguf
    """
    from leitai.cli import exporting

    exporting.export(source, out, to=to, adapter=adapter, format_name=type_)


@app.command()
def judge(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run of compare.")],
    task: Annotated[str | None, typer.Option("--task", help="Which task; the only one.")] = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", metavar="FILE.csv", help="A blind sheet for people.")
    ] = None,
    read: Annotated[bool, typer.Option("--read", help="Count a filled sheet.")] = False,
    model: Annotated[
        str | None, typer.Option("--model", metavar="M", help="A model that judges instead.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sheet's order.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.jsonl", help="Who won each item.")
    ] = None,
) -> None:
    """Say which contender's answers are better: blind, by people or by a model.

    Two to eight contenders are compared pair by pair.

    Examples:

        leitai judge runs/blurbs --sheet blurbs.csv

        leitai judge runs/blurbs --sheet blurbs.csv --read
    """
    from leitai.cli.judging import judge as run_judge

    run_judge(run, task=task, sheet=sheet, read=read, model=model, seed=seed, out=out)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Finished compare runs.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the pages; else the run's, or ./report."),
    ] = None,
) -> None:
    """Make report.html and report.md of finished runs, side by side where there are several.

    Example:

        leitai report runs/demo
    """
    from leitai.cli.reporting import report as write

    write(runs, out)


@app.command()
def doctor(data_root: DataRoot = None) -> None:
    """Say what this machine has and whether everything needed is there.

    Example:

        leitai doctor
    """
    from leitai.cli.looking import examine

    examine(data_root)


@data_app.command("list")
def data_list(data_root: DataRoot = None) -> None:
    """List the data sets known by name, their licences, and which of them are here."""
    from leitai.cli.looking import list_data

    list_data(data_root)


@data_app.command("get")
def data_get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from `leitai data list`.")],
    data_root: DataRoot = None,
) -> None:
    """Download a data set from its public source and check it.

    Example:

        leitai data get banking77 --data-root ~/data
    """
    from leitai.data.download import get

    show.line(f"{name}: {get(name, data_root)}")


app.command("lm-eval")(harness.lm_eval)
app.command()(tokenizing.tokenizers)
app.command()(sizing.resources)
