"""The verbs that look at data and the machine."""

import importlib.metadata
from pathlib import Path

from rich.table import Table

from leitai.base.errors import LeitaiError
from leitai.base.machine import machine, versions
from leitai.base.memory import available_bytes
from leitai.cli import show
from leitai.data import CATALOGUE, DataSource, Row, load_rows, with_system
from leitai.data.bookshop import VIEWS as BOOKSHOP_VIEWS
from leitai.data.bookshop import rows as bookshop_rows
from leitai.data.public import find_file, resolve_data_root

EXTRAS = {"parquet": "pyarrow"}
"""What each optional package of ours brings."""


def preview_data(
    model: str,
    data: str,
    *,
    rows: int,
    max_length: int,
    system: str | None,
    thinking: bool | None,
    data_root: Path | None,
) -> None:
    """Show the first rows as training would see them, and count all of them."""
    from leitai.models.hub import resolve_model
    from leitai.text import Chat, Tokenizer
    from leitai.text.preview import preview, row_view, summary_view

    folder = resolve_model(model)
    chat = Chat.from_folder(folder, Tokenizer.from_folder(folder))
    found = [
        Row(row.id, with_system(row.messages, system), row.source, tools=row.tools)
        for row in _rows(data, data_root)
    ]
    seen = preview(chat, found, show=rows, max_length=max_length, thinking=thinking)
    for row in seen.shown:
        show.picture(row_view(row))
    show.picture(summary_view(seen))


def _rows(data: str, data_root: Path | None) -> list[Row]:
    known = {"bookshop", *CATALOGUE}
    source = DataSource(set=data) if data in known else DataSource(path=data)
    return load_rows(source, base_folder=Path.cwd(), data_root=data_root)


def list_data(data_root: Path | None) -> None:
    """Show the data sets that are known by name."""
    table = Table("name", "language", "licence", "here", "views", "what it is")
    bundled = ("bookshop", "zh, en", "CC-BY-4.0", "bundled", ", ".join(BOOKSHOP_VIEWS))
    table.add_row(*bundled, "customer-service intents")
    for entry in CATALOGUE.values():
        table.add_row(
            entry.name,
            entry.language or "",
            entry.licence,
            "yes" if _is_here(entry.name, data_root) else "no",
            ", ".join(entry.views),
            entry.title,
        )
    show.picture(table)


def _is_here(name: str, data_root: Path | None) -> bool:
    entry = CATALOGUE[name]
    if entry.views:
        return (resolve_data_root(data_root) / name).is_dir()
    try:
        return all(find_file(entry, file, data_root).exists() for file, _ in entry.tables)
    except LeitaiError:
        return False


def examine(data_root: Path | None) -> None:
    """Show what this machine has, and exit with 2 when something needed is missing."""
    import torch

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
    table.add_row("bookshop", f"{len(bookshop_rows('intents')):,} rows")
    show.picture(table)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
