"""The verb that exports, and the card of a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from leitai.base.files import write_text
from leitai.cli import show

if TYPE_CHECKING:
    from leitai.training import TrainResult


def export(
    source: str,
    out: Path,
    *,
    to: Literal["hf", "gguf"],
    adapter: str | None,
    format_name: str | None,
) -> None:
    """Export a model and say where it lies."""
    from leitai.export import export_model, find_source

    path = export_model(find_source(source, adapter), out, to=to, format_name=format_name)
    show.line(f"Logits checked. Model: {show.short(path)}")


def write_card(result: "TrainResult") -> None:
    """Put a model card into what a training run has made."""
    from leitai.export import CARD_FILE, find_source, model_card

    run = result.output.parent
    source = find_source(str(run))
    library = "peft" if source.adapter is not None else "transformers"
    write_text(result.output / CARD_FILE, model_card(source, run.name, library, "f32"))
