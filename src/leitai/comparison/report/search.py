"""The trials of a search, side by side: the same settings for both, and what each made of them."""

from dataclasses import dataclass

from leitai.comparison.report.data import ReportData, Search
from leitai.comparison.report.figures import count_of
from leitai.comparison.report.strings import STRINGS
from leitai.comparison.wording import Bilingual

_METRICS = {
    "loss": STRINGS["by_loss"],
    "accuracy": STRINGS["by_accuracy"],
    "exact_match": STRINGS["by_exact_match"],
    "chrf": STRINGS["by_chrf"],
}


@dataclass(frozen=True, slots=True)
class TrialCell:
    """What one contender made of a setting."""

    text: Bilingual
    chosen: bool


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One setting; `values` in the order of `SearchView.columns`."""

    number: int
    values: tuple[str, ...]
    cells: tuple[TrialCell, ...]


@dataclass(frozen=True, slots=True)
class SearchView:
    """The whole table."""

    intro: Bilingual
    keys: tuple[str, ...]
    columns: tuple[Bilingual, ...]
    rows: tuple[TrialRow, ...]


def search_view(data: ReportData) -> SearchView | None:
    """Return the table of trials, or None when nothing was searched."""
    if not data.search:
        return None
    keys = tuple(sorted(data.search))
    first = data.search[keys[0]]
    searched = {
        "learning_rate": STRINGS["learning_rate"],
        "rank": STRINGS["rank"],
        "epochs": STRINGS["epochs"],
    }
    fields = [name for name in searched if getattr(first.trials[0], name) is not None]
    return SearchView(
        intro=STRINGS["search_intro"].format(
            count=len(first.trials),
            metric=_METRICS[first.metric],
            direction=STRINGS["higher_is_better" if first.higher_is_better else "lower_is_better"],
        ),
        keys=keys,
        columns=tuple(searched[name] for name in fields),
        rows=tuple(
            TrialRow(
                number=trial.number,
                values=tuple(_written(getattr(trial, name)) for name in fields),
                cells=tuple(_cell(data, key, index) for key in keys),
            )
            for index, trial in enumerate(first.trials)
        ),
    )


def _written(value: float) -> str:
    return f"{value:.4g}" if isinstance(value, float) else count_of(value)


def _cell(data: ReportData, key: str, index: int) -> TrialCell:
    search = data.search[key]
    trial = search.trials[index]
    chosen = trial.number == search.best
    parts = [_score(search, score) for score in trial.scores]
    text = Bilingual(" → ".join(p.en for p in parts), " → ".join(p.zh for p in parts))
    return TrialCell(STRINGS["chosen"].format(score=text) if chosen else text, chosen)


def _score(search: Search, score: float | None) -> Bilingual:
    if score is None:
        return STRINGS["diverged"]
    return Bilingual.same(f"{score:.4f}" if search.metric == "loss" else f"{100 * score:.1f}%")
