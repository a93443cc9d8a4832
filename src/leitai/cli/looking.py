"""The verbs that look at data and the machine."""

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leitai.cli import show
from leitai.cli.options import DataRoot, Model, System

if TYPE_CHECKING:
    from leitai.data import Row

EXTRAS = {
    "parquet": "pyarrow",
    "metrics": "sacrebleu",
    "apps": "pyoxigraph",
    "export": "gguf",
    "hf": "transformers",
    "track": "tensorboard",
    "wandb": "wandb",
    "mlflow": "mlflow-skinny",
    "swanlab": "swanlab",
    "lm-eval": "lm-eval",
}
"""What each of our optional extras brings; `pip install "leitai[NAME]"`."""


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
    from leitai.data import Row, with_system
    from leitai.models.hub import resolve_model
    from leitai.text import Chat, Tokenizer
    from leitai.text.preview import preview as view
    from leitai.text.preview import row_view, summary_view

    folder = resolve_model(model)
    chat = Chat.from_folder(folder, Tokenizer.from_folder(folder))
    found = [
        Row(row.id, with_system(row.messages, system), row.source, tools=row.tools)
        for row in _rows(data, data_root)
    ]
    seen = view(chat, found, show=rows, max_length=max_length, thinking=thinking)
    for row in seen.shown:
        show.picture(row_view(row))
    show.picture(summary_view(seen))


def _rows(data: str, data_root: Path | None) -> "list[Row]":
    from leitai.data import CATALOGUE, DataSource, load_rows

    known = {"bookshop", *CATALOGUE}
    source = DataSource(set=data) if data in known else DataSource(path=data)
    return load_rows(source, base_folder=Path.cwd(), data_root=data_root)


def doctor(data_root: DataRoot = None) -> None:
    """Say what this machine has and whether everything needed is there.

    Example:

        leitai doctor
    """
    import torch
    from rich.table import Table

    from leitai.base.machine import machine, versions
    from leitai.base.memory import available_bytes
    from leitai.data.bookshop import rows
    from leitai.data.public import resolve_data_root
    from leitai.kernels import status

    here = machine()
    table = Table("what", "found", show_header=False)
    for name, version in versions().items():
        table.add_row(name, version)
    table.add_row("processor", f"{here['processor']}, {here['cores']} cores")
    table.add_row("memory", f"{here['memory_bytes'] / 2**30:.1f} GiB")
    table.add_row("memory free", f"{available_bytes() / 2**30:.1f} GiB")
    table.add_row("torch threads", str(torch.get_num_threads()))
    table.add_row("native kernels", status())
    table.add_row(
        "accelerator",
        torch.cuda.get_device_name() if torch.cuda.is_available() else "none: the CPU is used",
    )
    for extra, package in EXTRAS.items():
        table.add_row(f"extra {extra}", _version(package))
    table.add_row("data root", str(resolve_data_root(data_root)))
    table.add_row("bookshop", f"{len(rows('intents')):,} rows")
    show.picture(table)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
