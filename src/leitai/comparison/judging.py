"""One pair of contenders judged, by the rules at the head of `verdict.py`."""

from collections.abc import Mapping
from typing import Any

from leitai.comparison.numbers import ends, rounded
from leitai.comparison.pairing import TaskScores, pair_name
from leitai.comparison.statistics import PairedComparison, mcnemar_midp, more_items
from leitai.comparison.statistics.planning import MoreItems
from leitai.comparison.stopping import BETTING


def judge(
    comparison: PairedComparison,
    *,
    higher_is_better: bool,
    margin: float,
    alpha: float,
    p: float | None = None,
    p_equivalence: float | None = None,
) -> str:
    """Apply the rules.

    Args:
        comparison: made with the same `alpha` and `margin`.
        higher_is_better: direction of the metric.
        margin: equivalence margin.
        alpha: allowed rate of false verdicts.
        p: the adjusted p of "no difference", if there are several tests.
        p_equivalence: the adjusted p of "at least the margin", likewise.
    """
    p = comparison.p if p is None else p
    p_equivalence = comparison.p_equivalence if p_equivalence is None else p_equivalence
    if p_equivalence <= alpha and comparison.inner.inside(margin):
        return "equivalent"
    if p <= alpha and comparison.difference.interval.excludes_zero():
        first_leads = (comparison.difference.value > 0) == higher_is_better
        return "a_better" if first_leads else "b_better"
    return "undecided"


def pair_row(
    task: TaskScores,
    pair: tuple[str, str],
    comparison: PairedComparison,
    adjusted: tuple[float, float] | None,
    alpha: float,
    first_step: float,
) -> dict[str, Any]:
    """Return what `verdict.json` says of a pair.

    Args:
        task: the pair's task.
        pair: the keys of the two.
        comparison: of the two, on one slice.
        adjusted: the adjusted p of difference and of equivalence; None for what is descriptive.
        alpha: allowed rate of false verdicts.
        first_step: the level to plan further items for.
    """
    p, same = adjusted or (None, None)
    verdict = judge(
        comparison,
        higher_is_better=task.higher_is_better,
        margin=task.margin,
        alpha=alpha,
        p=p,
        p_equivalence=same,
    )
    seen = looks_at(task, pair) if adjusted else None
    if seen and (by_looks(task) or (verdict == "undecided" and seen["decision"])):
        told = _as_seen(seen)
        verdict = told["verdict"]
    else:
        told = {}
    missing = MoreItems(None, None)
    if verdict == "undecided":
        missing = more_items(
            comparison.n,
            comparison.spread,
            comparison.difference.value,
            task.margin,
            # With several tests the first step of Holm's method is the one to plan for.
            alpha=first_step if adjusted else alpha,
            clusters=comparison.clusters,
            decisive=None
            if comparison.wins is None or comparison.losses is None
            else comparison.wins + comparison.losses,
        )
    value, interval = comparison.difference
    return {
        "difference": {"value": rounded(value), **ends(interval)},
        "equivalence_interval": ends(comparison.inner),
        "a_only": comparison.wins,
        "b_only": comparison.losses,
        "p": rounded(comparison.p),
        "p_mid": None
        if comparison.wins is None or comparison.losses is None
        else rounded(mcnemar_midp(comparison.wins, comparison.losses)),
        "p_holm": None if p is None else rounded(p),
        "p_equivalence": rounded(comparison.p_equivalence),
        "p_equivalence_holm": None if same is None else rounded(same),
        "test": comparison.test,
        "margin": rounded(task.margin),
        "verdict": verdict,
        "more_items": missing.items,
        "more_items_to_show": missing.to_show,
        **told,
    }


def _as_seen(seen: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the looks say of a pair, in place of the tests that want all items."""
    _, _, low, high = seen["path"][-1]
    inner = dict(zip(("low", "high"), seen["inner"], strict=True))
    return {
        "verdict": seen["decision"] or "undecided",
        "p": seen["p"],
        "p_mid": None,
        "p_equivalence": seen["p_equivalence"],
        "difference": {"value": seen["value"], "low": low, "high": high},
        "equivalence_interval": inner,
        "test": BETTING,
        "more_items": None,
        "more_items_to_show": None,
    }


def looks_at(task: TaskScores, pair: tuple[str, str]) -> Mapping[str, Any] | None:
    """Return what the looks saw of a pair of a task that could stop early."""
    if task.sequential is None:
        return None
    seen: Mapping[str, Any] | None = task.sequential["pairs"].get(pair_name(*pair))
    return seen


def by_looks(task: TaskScores) -> bool:
    """Tell whether looks alone decide: asking stopped early, or these items are all there is."""
    if task.sequential is None:
        return False
    return bool(task.sequential["stopped"]) or task.sequential.get("about") == "these"
