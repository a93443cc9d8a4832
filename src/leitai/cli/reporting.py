"""The verb that makes the page of finished runs again, from their files."""

from pathlib import Path
from typing import Annotated

import typer

from leitai.base.errors import LeitaiError
from leitai.base.files import write_text
from leitai.cli import show


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
    from leitai.comparison.report import read_run, write_report
    from leitai.comparison.report.several import render_several

    places = [run.resolve() for run in runs]
    if twice := next(
        (run for run, place in zip(runs, places, strict=True) if places.count(place) > 1), None
    ):
        raise LeitaiError("named twice", where=twice, remedy="name each run once")
    data = [read_run(run) for run in runs]
    folder = out or (runs[0] if len(runs) == 1 else Path("report"))
    folder.mkdir(parents=True, exist_ok=True)
    if len(data) == 1:
        write_report(folder, data[0])
    else:
        for name, text in render_several(data, [run.resolve().name for run in runs]).items():
            write_text(folder / name, text.encode("utf-8", "replace").decode("utf-8"))
    show.line(f"{', '.join(run.verdict['name'] for run in data)}: {folder / 'report.html'}")
