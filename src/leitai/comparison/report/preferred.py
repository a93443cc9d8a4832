"""Whose answers people or a model preferred, as the page and the Markdown show it."""

from dataclasses import dataclass
from typing import Any

from leitai.comparison.report.data import ReportData
from leitai.comparison.report.figures import DASH, count_of
from leitai.comparison.report.strings import STRINGS, slice_name
from leitai.comparison.report.views import chance
from leitai.comparison.wording import MINUS, Bilingual, decimals


@dataclass(frozen=True, slots=True)
class PreferenceRow:
    """One pair on one slice; log odds and p stand beside all items alone."""

    name: Bilingual
    pair: str
    first: str
    second: str
    tie: str
    odds: Bilingual
    p_text: str


@dataclass(frozen=True, slots=True)
class PreferenceView:
    """What one judge made of one task's answers."""

    title: Bilingual
    about: Bilingual
    rows: tuple[PreferenceRow, ...]


def preference_views(data: ReportData) -> list[PreferenceView]:
    """Return a view for each judge and task; none where nothing was judged."""
    return [_view(found) for found in data.preferences]


def _view(found: dict[str, Any]) -> PreferenceView:
    about = STRINGS["judged_of"].format(
        judged=count_of(found["judged"]), asked=count_of(found["asked"])
    )
    if found["unparsed"] or found["inconsistent"]:
        badly = STRINGS["judged_badly"].format(
            unparsed=f"{100 * found['unparsed']:.1f}%",
            inconsistent=f"{100 * found['inconsistent']:.1f}%",
        )
        about = Bilingual(about.en + badly.en, about.zh + badly.zh)
    rows = []
    for part in found["slices"]:
        for pair, counts in part["pairs"].items():
            gap = found["gaps"][pair] if part["slice"] == "all" else None
            rows.append(
                PreferenceRow(
                    name=slice_name(part["slice"]),
                    pair=pair.replace("-", f" {MINUS} "),
                    **{name: count_of(number) for name, number in counts.items()},
                    odds=DASH if gap is None else odds_of(gap),
                    p_text=DASH.en if gap is None else chance(gap["p"]),
                )
            )
    title = Bilingual.same(f"{found['task']} · {found['judge']}")
    return PreferenceView(title, about, tuple(rows))


def odds_of(gap: dict[str, Any]) -> Bilingual:
    """Say log odds with their interval; who never lost, or never won, has one end alone."""
    low, high = gap["low"], gap["high"]
    if low is None and high is None:
        return STRINGS["odds_unknown"]
    if high is None:
        return STRINGS["odds_at_least"].format(end=decimals(low, 2, sign=True))
    if low is None:
        return STRINGS["odds_at_most"].format(end=decimals(high, 2, sign=True))
    ends = {name: decimals(gap[name], 2, sign=True) for name in ("value", "low", "high")}
    return STRINGS["odds_between"].format(**ends)
