"""The verb `report`: the page of a finished run, made again from its files."""

from pathlib import Path

from leitai.cli import show
from leitai.comparison.report import read_run, write_report


def report(run: Path, out: Path | None) -> None:
    """Write report.html and report.md of a run.

    Args:
        run: the folder of a finished `compare`.
        out: the folder to write into; else the run's.

    Raises:
        LeitaiError: the folder holds no finished run, or the report cannot be written.
    """
    data = read_run(run)
    folder = run if out is None else out
    folder.mkdir(parents=True, exist_ok=True)
    write_report(folder, data)
    show.line(f"{data.verdict['name']}: {folder / 'report.html'}")
