"""Results as a Markdown table, and into docs/performance.md."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from leitai.base.files import write_text

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"

Results = dict[str, Any]

# name -> (unit, whether more is better, how to print a value)
_MEASURES: dict[str, tuple[str, bool, Callable[[float], str]]] = {
    "tokens_per_second": ("tokens/s", True, lambda v: f"{v:,.0f}" if v >= 100 else f"{v:.3g}"),
    "batch_1_tokens_per_second": ("tokens/s, 1 prompt", True, lambda v: f"{v:.3g}"),
    "batch_8_tokens_per_second": ("tokens/s, 8 prompts at once", True, lambda v: f"{v:.3g}"),
    "items_per_second": ("items/s", True, lambda v: f"{v:.3g}"),
    "seconds": ("s", False, lambda v: f"{v:.2f}"),
    "peak_bytes": ("peak RSS, GB", False, lambda v: f"{v / 1e9:.2f}"),
}


def _spread(values: list[float], show: Callable[[float], str]) -> str:
    return f"{show(median(values))} ({show(min(values))} to {show(max(values))})"


def rows(results: Results) -> list[tuple[str, ...]]:
    """Return the table's rows: work, measure, both sides, gain, agreement.

    The gain is the median of the rounds' ratios, each taken within one round, turned so that above
    1 is in Leitai's favour.
    """
    lines = []
    for case in results["cases"]:
        for number, name in enumerate(case["leitai"]):
            unit, more_is_better, show = _MEASURES[name]
            ours, theirs = case["leitai"][name], case["peer"][name]
            ratios = [a / b if more_is_better else b / a for a, b in zip(ours, theirs, strict=True)]
            lines.append(
                (
                    case["title"] if number == 0 else "",
                    unit,
                    _spread(ours, show),
                    _spread(theirs, show),
                    _spread(ratios, lambda v: f"{v:.2f}"),
                    case["agreement"] if number == 0 else "",
                )
            )
    return lines


def markdown(results: Results) -> str:
    """Return what stands between the marks of docs/performance.md."""
    machine, versions = results["machine"], results["versions"]
    head = ("work", "measure", "Leitai", "transformers + peft", "gain", "agreement")
    table = [head, tuple("---" for _ in head), *rows(results)]
    return "\n".join(
        [
            f"- machine: {machine['processor']}, {machine['cores']} cores, "
            f"{machine['memory_bytes'] / 2**30:.0f} GiB, {machine['system']}; "
            f"{results['threads']} threads",
            f"- versions: {', '.join(f'{name} {number}' for name, number in versions.items())}",
            f"- command: `{results['command']}`, {results['date']}, {results['seconds'] / 60:.1f} "
            f"minutes, {results['rounds']} counted rounds",
            f"- load average in the minute before: {results['load_before']:.2f}",
            "",
            *("| " + " | ".join(cells) + " |" for cells in table),
        ]
    )


def fill(page: Path, results: Results) -> None:
    """Put the results between the page's marks.

    Raises:
        ValueError: the page has no marks.
        LeitaiError: the disk is full.
    """
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} lacks the marks {BEGIN} and {END}")
    write_text(page, f"{before}{BEGIN}\n\n{markdown(results)}\n\n{END}{after}")
