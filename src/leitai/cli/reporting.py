"""The verb `report`: the page of finished runs, made again from their files."""

from collections.abc import Sequence
from pathlib import Path

from leitai.base.files import write_text
from leitai.cli import show
from leitai.comparison.report import read_run, write_report
from leitai.comparison.report.several import render_several


def report(runs: Sequence[Path], out: Path | None) -> None:
    """Write report.html and report.md of one run, or of several side by side.

    Args:
        runs: folders of finished `compare`s.
        out: the folder to write into; else the run's, or `report` for several.

    Raises:
        LeitaiError: a folder holds no finished run, or the report cannot be written.
    """
    data = [read_run(run) for run in runs]
    folder = out or (runs[0] if len(runs) == 1 else Path("report"))
    folder.mkdir(parents=True, exist_ok=True)
    if len(data) == 1:
        write_report(folder, data[0])
    else:
        for name, text in render_several(data, [run.resolve().name for run in runs]).items():
            write_text(folder / name, text.encode("utf-8", "replace").decode("utf-8"))
    show.line(f"{', '.join(run.verdict['name'] for run in data)}: {folder / 'report.html'}")
