"""The results of methods.py as Markdown, and the intervals in it. Free of torch."""

import math
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from methods_cases import CASES, DATA, EARLY_METHODS, FEW_LABELS, FEW_METHODS
from page import grid
from scipy.stats import t

Results = Mapping[str, Any]


def interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Return the mean and Student's interval of it (n - 1 degrees of freedom), kept within 0 to 1.

    One value has no interval: both ends are nan.
    """
    middle = mean(values)
    if len(values) < 2:
        return middle, math.nan, math.nan
    half = float(t.ppf((1 + level) / 2, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return middle, max(0.0, middle - half), min(1.0, middle + half)


def percent(values: Sequence[float]) -> str:
    """Print accuracies as their mean in percent with its interval."""
    middle, low, high = interval(values)
    if math.isnan(low):
        return f"{100 * middle:.1f}"
    return f"{100 * middle:.1f} ({100 * low:.0f} to {100 * high:.0f})"


def main_table(results: Results) -> str:
    """Return a row a base and method, a column a data set, and how they were measured."""
    names = [name for name in DATA if name in results["data"]]
    head = (
        *("base", "method", "trained parameters"),
        *(f"{DATA[name].title}, %" for name in names),
        *("CPU s", "peak, MB"),
    )
    rows = []
    for base, found in results["bases"].items():
        untouched = [f"{100 * found['untouched'][name]:.1f}" for name in names]
        rows.append((base, "(as it is)", "0", *untouched, "", ""))
        for name, cells in found["methods"].items():
            seconds, peaks = (
                [value for cell in cells.values() for value in cell[measure]]
                for measure in ("cpu_seconds", "peak_bytes")
            )
            rows.append(
                (
                    *(base, CASES[name].title, f"{next(iter(cells.values()))['trainable']:,}"),
                    *(percent(cells[d]["accuracy"]) if d in cells else "" for d in names),
                    *(f"{mean(seconds):.1f}", f"{max(peaks) / 1e6:.0f}"),
                )
            )
    sizes = "; ".join(
        f"{DATA[name].title}: {size['labels']} classes, {size['train']} rows to train on, "
        f"{size['test']} to judge by"
        for name, size in results["data"].items()
    )
    missing = ", ".join(DATA[name].title for name in DATA if name not in names)
    left_out = f" Left out, because the data is not there: {missing}." if missing else ""
    rates = "; ".join(
        f"{base}: " + ", ".join(f"{name} {rate:g}" for name, rate in found["rates"].items())
        for base, found in results["bases"].items()
    )
    notes = f"{results['conditions']}. {sizes}.{left_out} Chosen rates: {rates}."
    return f"{grid(head, rows)}\n\n{notes}"


def few_table(results: Results) -> str:
    """Return a row a method, a column a number of labels."""
    head = ("labels a class", *(f"{number}" for number in FEW_LABELS))
    rows = [
        (CASES[name].title, *(percent(results[name][str(n)]) for n in FEW_LABELS))
        for name in FEW_METHODS
    ]
    return f"{grid(head, rows)}\n\n{results['conditions']}."


def early_table(results: Results) -> str:
    """Return a row a method, early stopping on beside off."""
    head = ("method", "on, %", "off, %", "on minus off by seed, points", "steps, on", "steps, off")
    rows = []
    for name in EARLY_METHODS:
        on, off = results[name]["on"], results[name]["off"]
        pairs = zip(on["accuracy"], off["accuracy"], strict=True)
        differences = ", ".join(f"{100 * (a - b):+.0f}" for a, b in pairs)
        steps = [f"{mean(side['steps']):.0f}" for side in (on, off)]
        both = (percent(on["accuracy"]), percent(off["accuracy"]))
        rows.append((CASES[name].title, *both, differences, *steps))
    notes = f"{results['conditions']}, here at most {results['steps']} steps"
    return f"{grid(head, rows)}\n\n{notes}; {results['per_label']} labels a class."


MARKDOWN = {"table": main_table, "few": few_table, "early": early_table}
"""What each part of methods.py puts on the page."""
