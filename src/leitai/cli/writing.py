"""The verbs that load a model and let it score or write."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, Unpack

import typer

import leitai
from leitai.base.errors import LeitaiError
from leitai.base.progress import Ticker, progress
from leitai.cli import show
from leitai.cli.options import (
    Adapter,
    Device,
    Dtype,
    MaxTokens,
    MinP,
    Model,
    Penalty,
    Seed,
    Stop,
    System,
    Temperature,
    TopK,
    TopP,
)
from leitai.cli.planned import compare_asking, measured, scored, written

if TYPE_CHECKING:
    from leitai.inference import LanguageModel
    from leitai.inference.options import GenerateOptions


class Place(NamedTuple):
    """Which model, and where and how it runs."""

    model: str
    dtype: str
    device: str
    adapter: str | None

    def load(self) -> "LanguageModel":
        """Load it."""
        return leitai.load(self.model, dtype=self.dtype, device=self.device, adapter=self.adapter)


def Options(**options: Unpack["GenerateOptions"]) -> "GenerateOptions":  # noqa: N802
    """Name the settings of writing; a typed dictionary without importing torch for its type."""
    return options


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
    _score_file(Place(model, dtype, device, adapter), requests, out)


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
    options = Options(
        max_tokens=max_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        stop=stop or [],
        seed=seed,
    )
    place = Place(model, dtype, device, adapter)
    if prompt is not None and prompts is None:
        _generate_one(place, prompt, options)
    elif prompts is not None and prompt is None:
        _generate_file(place, prompts, out, options)
    else:
        raise LeitaiError("expected either --prompt or --prompts", where="generate")


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
    options = Options(max_tokens=max_tokens, temperature=temperature, top_p=top_p, seed=seed)
    place = Place(model, dtype, device, adapter)
    _converse(place, options, system=system, thinking=thinking)


def _score_file(place: Place, requests: Path, out: Path) -> None:
    from leitai.inference import requests as files

    # The file is read before the model: a mistake in it shows at once.
    total = len(files.read_requests(requests))
    lm = place.load()
    with measured() as cost:
        _with_bar("scoring", total, lambda tick: files.score_file(lm, requests, out, tick))
    compare_asking(lm, out, scored, cost, place.dtype)
    show.line(f"{total:,} rows scored: {out}")


def _generate_file(
    place: Place, prompts: Path, out: Path | None, options: "GenerateOptions"
) -> None:
    from leitai.inference import requests as files

    if out is None:
        raise LeitaiError("expected --out FILE beside --prompts", where="generate")
    total = len(files.read_prompts(prompts))
    lm = place.load()
    with measured() as cost:
        _with_bar(
            "writing", total, lambda tick: files.generate_file(lm, prompts, out, tick, **options)
        )
    compare_asking(lm, out, written, cost, place.dtype)
    show.line(f"{total:,} rows written: {out}")


def _with_bar(title: str, total: int, work: Callable[[Ticker], object]) -> None:
    with progress(title, total) as tick:
        work(tick)


def _generate_one(place: Place, prompt: str, options: "GenerateOptions") -> None:
    for piece in place.load().stream(prompt, **options):
        _say(piece)
    _say("\n")


def _converse(
    place: Place, options: "GenerateOptions", *, system: str | None, thinking: bool | None
) -> None:
    lm = place.load()
    messages = [] if system is None else [{"role": "system", "content": system}]
    while said := _ask():
        messages.append({"role": "user", "content": said})
        pieces = []
        for piece in lm.stream_chat(messages, thinking=thinking, **options):
            pieces.append(piece)
            _say(piece)
        _say("\n")
        messages.append({"role": "assistant", "content": "".join(pieces)})


def _ask() -> str:
    try:
        return input("> " if sys.stdin.isatty() else "").strip()
    except EOFError:
        return ""


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
