"""The verbs that list and download public data sets."""

from pathlib import Path
from typing import Annotated

import typer

from leitai.base.errors import LeitaiError
from leitai.cli import show
from leitai.cli.options import DataRoot

app = typer.Typer(no_args_is_help=True, help="Public data sets: list and download.")


@app.command("list")
def data_list(data_root: DataRoot = None) -> None:
    """List the data sets known by name, their licences, and which of them are here."""
    from rich.table import Table

    from leitai.data import CATALOGUE
    from leitai.data.bookshop import VIEWS as BOOKSHOP_VIEWS

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


@app.command("get")
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


def _is_here(name: str, data_root: Path | None) -> bool:
    from leitai.data import CATALOGUE
    from leitai.data.public import find_file, resolve_data_root

    entry = CATALOGUE[name]
    if entry.views:
        return (resolve_data_root(data_root) / name).is_dir()
    try:
        return all(find_file(entry, file, data_root).exists() for file, _ in entry.tables)
    except LeitaiError:
        return False
