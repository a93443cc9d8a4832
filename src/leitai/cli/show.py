"""How results look on a terminal."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leitai.evaluation.measures import MEASURES

if TYPE_CHECKING:
    from rich.console import RenderableType

    from leitai.cli.sheet import Sheet
    from leitai.comparison.duel import Duel
    from leitai.training import TrainResult


def line(text: str) -> None:
    """Print one line as it is."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def picture(renderable: "RenderableType") -> None:
    """Print a table or another renderable of rich."""
    from rich.console import Console

    Console(highlight=False).print(renderable)


def sheet(sheet: "Sheet") -> None:
    """Print a table of many columns, cut to the width of the terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    for number, table in enumerate(sheet.pictures(console.width)):
        if number:
            console.print()
        console.print(table)


def duel(duel: "Duel") -> None:
    """Show scores, verdict and where the report lies; the verdict and the path stand last."""
    from rich.table import Table

    names = {key: value["name"] for key, value in duel.verdict["contenders"].items()}
    pairs = duel.verdict["duels"]
    # With two there is one pair, which fits into the table of scores.
    head = ["difference", "p", "verdict"] if len(pairs) == 1 else []
    scores = Table("task", "slice", "n", *names.values(), *head)
    between = Table("task", "pair", "difference", "p (Holm)", "verdict")
    for task in duel.verdict["tasks"]:
        percent = MEASURES[task["metric"]].unit == "share"
        for part in task["slices"]:
            compared = {pair: _pair(part["pairs"][pair], percent) for pair in pairs}
            scores.add_row(
                task["task"],
                part["slice"],
                str(part["n"]),
                *(_interval(part["scores"][key], percent) for key in names),
                *(compared[pairs[0]] if len(pairs) == 1 else ()),
            )
            if part["role"] == "confirmatory":
                for pair, cells in compared.items():
                    between.add_row(task["task"], pair, *cells)
    picture(scores)
    if len(pairs) > 1:
        picture(between)
    if duel.reused:
        line(f"taken from an earlier run: {', '.join(duel.reused)}")
    reason = duel.verdict["overall"]["reason"]
    line(f"裁决: {reason['zh']}")
    line(f"Verdict: {reason['en']}")
    line(f"Report: {short(duel.report)}")


def training(result: "TrainResult") -> None:
    """Show what a training run came to."""
    loss = "" if result.best_loss is None else f", validation loss {result.best_loss:.4f}"
    for note in result.notes:
        line(f"note: {note}")
    line(
        f"{result.steps:,} steps, best {result.best_step:,}{loss}; "
        f"{result.trainable_parameters:,} trained parameters; "
        f"{result.tokens_per_second:,.0f} tokens/s, {result.seconds:,.0f} s"
    )
    line(f"Model: {short(result.output)}")


def _pair(row: dict[str, Any], percent: bool) -> tuple[str, str, str]:
    """Difference, p (adjusted where it counts) and verdict of a pair."""
    p = row["p"] if row["p_holm"] is None else row["p_holm"]
    verdict = row["verdict"].replace("_", " ")
    return _interval(row["difference"], percent, signed=True), f"{p:.3g}", verdict


def _interval(value: dict[str, float], percent: bool, *, signed: bool = False) -> str:
    scale, digits = (100.0, 1) if percent else (1.0, 3)
    sign = "+" if signed else ""
    parts = [value["value"] * scale, value["low"] * scale, value["high"] * scale]
    low, high = (f"{part:{sign}.{digits}f}" for part in parts[1:])
    return f"{parts[0]:{sign}.{digits}f} [{low}, {high}]"


def short(path: Path) -> str:
    """Show a path relative to here when it is below."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
