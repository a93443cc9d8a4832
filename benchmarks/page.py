"""What is kept of the measurements: benchmarks/results/ and the tables of docs/performance.md.

Each script keeps its cases by name, so one of them can be measured again without the others.
"""

import os
import time
from pathlib import Path
from statistics import median
from typing import Any

from leitai.base.files import read_json, write_json, write_text
from leitai.base.machine import machine

RESULTS = Path(__file__).resolve().parent / "results"
PAGE = RESULTS.parent.parent / "docs" / "performance.md"

Part = dict[str, Any]


def conditions(rounds: int, threads: int | None = None) -> Part:
    """Return what must be known to judge a figure; call it before measuring."""
    about = machine()
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{about['processor']}, {about['cores']} cores, "
        f"{about['memory_bytes'] / 2**30:.0f} GiB, {about['system']}",
        "threads": threads or int(os.environ.get("OMP_NUM_THREADS", about["cores"])),
        "rounds": rounds,
        "load_before": os.getloadavg()[0],
    }


def described(part: Part) -> str:
    """Return the conditions in one line."""
    rounds = f"{part['rounds']} counted round{'s' if part['rounds'] > 1 else ''}"
    return (
        f"{part['machine']}; {part['threads']} threads, {rounds}, load "
        f"average before {part['load_before']:.2f}, {part['date']}"
    )


def kept(name: str) -> dict[str, Part]:
    """Return the parts of `results/NAME.json`; none if there is no file."""
    path = RESULTS / f"{name}.json"
    return dict(read_json(path)["parts"]) if path.exists() else {}


def keep(name: str, parts: dict[str, Part]) -> dict[str, Part]:
    """Put parts into `results/NAME.json` beside, or in place of, those that are there.

    Returns:
        All parts.

    Raises:
        LeitaiError: the disk is full.
    """
    found = kept(name) | parts
    RESULTS.mkdir(exist_ok=True)
    write_json(RESULTS / f"{name}.json", {"schema": "leitai.benchmark/2", "parts": found})
    return found


def fill(name: str, text: str, page: Path = PAGE) -> None:
    """Put Markdown between the marks of that name on a page.

    Raises:
        ValueError: the page has no such marks.
        LeitaiError: the disk is full.
    """
    marks = [f"<!-- {name}: {word} -->" for word in ("begin", "end")]
    before, begin, rest = page.read_text(encoding="utf-8").partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not (begin and end):
        raise ValueError(f"{page} lacks the marks {' and '.join(marks)}")
    write_text(page, f"{before}{begin}\n\n{text}\n\n{end}{after}")


def grid(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    return "\n".join(
        "| " + " | ".join(cells) + " |" for cells in (head, tuple("---" for _ in head), *rows)
    )


def spread(values: list[float], form: str = ".1f") -> str:
    """Print a median with the smallest and the largest."""
    middle = format(median(values), form)
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):{form}} to {max(values):{form}})"
