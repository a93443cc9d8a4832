"""The verb that exports, and the card of a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from leitai.base.files import write_text
from leitai.cli import show
from leitai.cli.options import Adapter

if TYPE_CHECKING:
    from leitai.training import TrainResult


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
    from leitai.export import export_model, find_source

    path = export_model(find_source(source, adapter), out, to=to, format_name=type_)
    show.line(f"Logits checked. Model: {show.short(path)}")


def write_card(result: "TrainResult") -> None:
    """Put a model card into what a training run has made."""
    from leitai.export import CARD_FILE, find_source, model_card

    run = result.output.parent
    source = find_source(str(run))
    library = "peft" if source.adapter is not None else "transformers"
    write_text(result.output / CARD_FILE, model_card(source, run.name, library, "f32"))
