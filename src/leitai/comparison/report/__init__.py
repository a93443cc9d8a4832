"""The report of a duel: one HTML page and its short form in Markdown."""

from pathlib import Path

from leitai.base.files import write_text
from leitai.comparison.report.data import (
    Answer,
    Contender,
    Cost,
    CurvePoint,
    Finding,
    Item,
    LearningCurve,
    ReportData,
    Search,
    TaskItems,
    Trial,
)
from leitai.comparison.report.markdown import render_markdown
from leitai.comparison.report.page import render_page
from leitai.comparison.report.reading import read_run

__all__ = [
    "Answer",
    "Contender",
    "Cost",
    "CurvePoint",
    "Finding",
    "Item",
    "LearningCurve",
    "ReportData",
    "Search",
    "TaskItems",
    "Trial",
    "read_run",
    "write_report",
]


def write_report(run_folder: Path, data: ReportData) -> None:
    """Write report.html and report.md into the run folder; the same data give the same bytes.

    Raises:
        LeitaiError: the disk is full or the folder cannot be written.
    """
    for name, text in (("report.html", render_page(data)), ("report.md", render_markdown(data))):
        # A lone surrogate in an item's text cannot be written as UTF-8.
        write_text(run_folder / name, text.encode("utf-8", "replace").decode("utf-8"))
