"""Progress bars: on a terminal a live bar with time left, elsewhere nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from leitai.base.ranks import rank


class Ticker(Protocol):
    """What a long computation tells of its progress."""

    def __call__(self, done: float, note: str = "") -> None:
        """Say that `done` units of the total are finished; `note` stands beside the bar."""


@contextmanager
def progress(title: str, total: float) -> Iterator[Ticker]:
    """Show a bar on standard error while the block runs; silent when it is no terminal.

    Of several processes that work on one job the first shows its bars.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=console, disable=rank() > 0 or not console.is_terminal) as bar:
        task = bar.add_task(title, total=total, note="")

        def tick(done: float, note: str = "") -> None:
            bar.update(task, completed=done, note=note)

        yield tick
