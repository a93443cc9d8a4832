"""The results of peers.py as a Markdown table."""

from collections.abc import Callable
from statistics import median

from cases import CASES
from page import Part, described, grid

# name -> (unit, whether more is better, how to print a value)
_MEASURES: dict[str, tuple[str, bool, Callable[[float], str]]] = {
    "tokens_per_second": ("tokens/s", True, lambda v: f"{v:,.0f}" if v >= 100 else f"{v:.3g}"),
    "batch_1_tokens_per_second": ("tokens/s, 1 prompt", True, lambda v: f"{v:.3g}"),
    "batch_8_tokens_per_second": ("tokens/s, 8 prompts at once", True, lambda v: f"{v:.3g}"),
    "items_per_second": ("items/s", True, lambda v: f"{v:.3g}"),
    "seconds": ("s", False, lambda v: f"{v:.2f}"),
    "peak_bytes": ("peak RSS, GB", False, lambda v: f"{v / 1e9:.2f}"),
}
_HEAD = ("work", "against", "measure", "Leitai", "peer", "gain", "wanted", "agreement")


def _spread(values: list[float], show: Callable[[float], str]) -> str:
    if len(values) == 1:
        return show(values[0])
    return f"{show(median(values))} ({show(min(values))} to {show(max(values))})"


def rows(part: Part) -> list[tuple[str, ...]]:
    """Return a case's rows of the table.

    The gain is the median of the rounds' ratios, each taken within one round, turned so that above
    1 is in Leitai's favour.
    """
    sides = dict(part["sides"])
    ours = sides.pop("leitai")
    lines: list[tuple[str, ...]] = []

    def add(peer: str, name: str, theirs: str, gain: str, wanted: str, agreement: str) -> None:
        unit, _, show = _MEASURES[name]
        work = "" if lines else part["title"]
        lines.append((work, peer, unit, _spread(ours[name], show), theirs, gain, wanted, agreement))

    for number, (peer, found) in enumerate(sides.items()):
        for place, name in enumerate(filter(found.__contains__, _MEASURES)):
            _, more_is_better, show = _MEASURES[name]
            pairs = zip(ours[name], found[name], strict=True)
            ratios = [a / b if more_is_better else b / a for a, b in pairs]
            first = place == 0
            add(
                peer if first else "",
                name,
                _spread(found[name], show),
                _spread(ratios, lambda v: f"{v:.2f}"),
                f"{part['bar']:g}" if first and not number and part["bar"] else "",
                part["agreement"][peer] if first else "",
            )
    if not sides:
        for name in filter(ours.__contains__, _MEASURES):
            add("", name, "", "", "", "")
    return lines


def markdown(parts: dict[str, Part]) -> str:
    """Return the table of all cases, in the order of `cases.CASES`, and how each was measured."""
    chosen = [parts[case.name] for case in CASES if case.name in parts]
    noted: dict[str, list[str]] = {}
    for part in chosen:
        versions = ", ".join(f"{name} {number}" for name, number in part["versions"].items())
        noted.setdefault(f"{described(part)}; {versions}", []).append(part["name"])
    notes = [f"- {', '.join(names)}: {text}" for text, names in noted.items()]
    return "\n".join([grid(_HEAD, [row for part in chosen for row in rows(part)]), "", *notes])


def failures(parts: dict[str, Part]) -> list[str]:
    """Name the cases in which a peer's answers differ from Leitai's."""
    return [
        f"{name} against {peer} ({part['agreement'][peer]})"
        for name, part in parts.items()
        for peer, fine in part["agree"].items()
        if not fine
    ]
