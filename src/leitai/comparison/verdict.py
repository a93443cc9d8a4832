"""Per-item scores of two contenders in, `verdict.json` out.

The rules, for every task and slice, with alpha the allowed rate of false verdicts:

1. `equivalent`: two one-sided tests at alpha show that the difference is smaller than the margin;
   that is, the 1 - 2 alpha interval lies inside the margin. This comes first: a difference that is
   real but provably smaller than what matters is no reason to prefer one contender.
2. `a_better` or `b_better`: the 1 - alpha interval excludes zero and the test of "no difference"
   has p <= alpha. For right-or-wrong items the interval is Tango's and the test is exact McNemar;
   for sums over sums, such as bits per byte, they are the BCa bootstrap and a sign-flip permutation
   test.
3. `undecided` otherwise, with about how many more items would decide it.

One task is primary and the overall verdict is that task's verdict over all its items. Each task's
verdict over all its items is confirmatory: with several tasks its p values, of difference and of
equivalence, are adjusted by Holm's method over the tasks, so that for each of the two kinds of
claim the chance of any false one in the whole report stays below alpha. Verdicts of smaller slices
(a language) are descriptive: not adjusted, a hint where to look, not a finding.

The difference is always A minus B in the metric's own unit, also where lower is better.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from leitai.base.errors import LeitaiError
from leitai.comparison.pairing import ItemScore, TaskScores, pair_items
from leitai.comparison.reason import NOTE, certainty_of, reason_of
from leitai.comparison.statistics import (
    Interval,
    PairedComparison,
    compare_binary,
    compare_ratio,
    holm,
    mcnemar_midp,
    more_items,
)
from leitai.comparison.statistics.planning import MoreItems
from leitai.comparison.statistics.resampling import RESAMPLES

__all__ = ["ALL", "SCHEMA", "ItemScore", "TaskScores", "decide", "judge"]

SCHEMA = "leitai.verdict/1"
ALL = "all"
"""The slice that holds every item of a task."""


def decide(
    name: str,
    contenders: Mapping[str, Mapping[str, Any]],
    tasks: Sequence[TaskScores],
    *,
    alpha: float = 0.05,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare two contenders on all tasks.

    Args:
        name: of the duel.
        contenders: under "A" and "B" what `verdict.json` says of them; "name" is needed.
        tasks: one of them primary; a single task is primary by itself.
        alpha: allowed rate of false verdicts, between 0 and 0.5.
        resamples: of bootstrap and permutation test.
        seed: of both.

    Returns:
        The contents of `verdict.json`: plain JSON values, floats with six significant digits. It
        depends on nothing but the arguments, and not on the order of the items.

    Raises:
        LeitaiError: the contenders were not asked the same items, a score is not a number, there
            are no items, or it is not clear which task is primary.
    """
    if not 0 < alpha < 0.5:
        raise LeitaiError(f"alpha must lie between 0 and 0.5, got {alpha}", where="verdict.alpha")
    primary = _primary(tasks)
    names = {side: str(contenders[side]["name"]) for side in ("A", "B")}
    sliced = [_compare(task, alpha, resamples, seed) for task in tasks]
    p_holm = holm([slices[ALL].p for slices in sliced])
    p_same = holm([slices[ALL].p_equivalence for slices in sliced])
    reports = []
    for task, slices, p, same in zip(tasks, sliced, p_holm, p_same, strict=True):
        rows = []
        for label, comparison in slices.items():
            adjusted = (p, same) if label == ALL else None
            row = _row(task, comparison, adjusted, alpha, len(tasks))
            rows.append({"slice": label, **row, **_unparsed(task, label, row)})
        reports.append(
            {
                "task": task.task,
                "metric": task.metric,
                "higher_is_better": task.higher_is_better,
                "primary": task is primary,
                "slices": rows,
            }
        )
    deciding = next(report for report in reports if report["primary"])
    return {
        "schema": SCHEMA,
        "name": name,
        "alpha": alpha,
        "contenders": {side: dict(contenders[side]) for side in ("A", "B")},
        "tasks": reports,
        "overall": _overall(deciding, names, alpha, len(tasks)),
        "note": NOTE.as_dict(),
    }


def judge(
    comparison: PairedComparison,
    *,
    higher_is_better: bool,
    margin: float,
    alpha: float,
    p: float | None = None,
    p_equivalence: float | None = None,
) -> str:
    """Apply the rules at the head of this module.

    Args:
        comparison: made with the same `alpha` and `margin`.
        higher_is_better: direction of the metric.
        margin: equivalence margin.
        alpha: allowed rate of false verdicts.
        p: the adjusted p of "no difference", if there are several tasks.
        p_equivalence: the adjusted p of "at least the margin", likewise.
    """
    p = comparison.p if p is None else p
    p_equivalence = comparison.p_equivalence if p_equivalence is None else p_equivalence
    if p_equivalence <= alpha and comparison.inner.inside(margin):
        return "equivalent"
    if p <= alpha and comparison.difference.interval.excludes_zero():
        a_leads = (comparison.difference.value > 0) == higher_is_better
        return "a_better" if a_leads else "b_better"
    return "undecided"


def _primary(tasks: Sequence[TaskScores]) -> TaskScores:
    if not tasks:
        raise LeitaiError("a verdict needs at least one task", where="tasks", remedy="add one")
    marked = [task for task in tasks if task.primary]
    if len(marked) == 1 or len(tasks) == 1:
        return (marked or list(tasks))[0]
    raise LeitaiError(
        f"{len(marked)} of {len(tasks)} tasks are primary, expected one",
        where="verdict.primary",
        remedy="name the task that decides",
    )


def _compare(
    task: TaskScores, alpha: float, resamples: int, seed: int
) -> dict[str, PairedComparison]:
    """Compare over all items and over each slice, "all" first, the others by name."""
    a, b = pair_items(task)
    labels = sorted({label for score in a for label in score.slices} - {ALL})
    binary = all(s.numerator in (0, 1) and s.denominator == 1 for s in (*a, *b))
    sums = [np.array([(s.numerator, s.denominator) for s in side], dtype=float) for side in (a, b)]
    result = {}
    for label in (ALL, *labels):
        chosen = np.array([label == ALL or label in score.slices for score in a])
        left, right = (side[chosen] for side in sums)
        result[label] = (
            compare_binary(left[:, 0] > 0, right[:, 0] > 0, margin=task.margin, alpha=alpha)
            if binary
            else compare_ratio(
                left, right, margin=task.margin, alpha=alpha, resamples=resamples, seed=seed
            )
        )
    return result


def _row(
    task: TaskScores,
    comparison: PairedComparison,
    adjusted: tuple[float, float] | None,
    alpha: float,
    tasks: int,
) -> dict[str, Any]:
    p, same = adjusted or (None, None)
    verdict = judge(
        comparison,
        higher_is_better=task.higher_is_better,
        margin=task.margin,
        alpha=alpha,
        p=p,
        p_equivalence=same,
    )
    missing = MoreItems(None, None)
    if verdict == "undecided":
        missing = more_items(
            comparison.n,
            comparison.spread,
            comparison.difference.value,
            task.margin,
            # With several tasks the first step of Holm's method is the one to plan for.
            alpha=alpha / tasks if adjusted else alpha,
        )
    value, interval = comparison.difference
    return {
        "n": comparison.n,
        "A": {"value": _round(comparison.a.value), **_ends(comparison.a.interval)},
        "B": {"value": _round(comparison.b.value), **_ends(comparison.b.interval)},
        "difference": {"value": _round(value), **_ends(interval)},
        "equivalence_interval": _ends(comparison.inner),
        "a_only": comparison.wins,
        "b_only": comparison.losses,
        "p": _round(comparison.p),
        "p_mid": None
        if comparison.wins is None or comparison.losses is None
        else _round(mcnemar_midp(comparison.wins, comparison.losses)),
        "p_holm": None if p is None else _round(p),
        "p_equivalence": _round(comparison.p_equivalence),
        "p_equivalence_holm": None if same is None else _round(same),
        "test": comparison.test,
        "margin": _round(task.margin),
        "role": "confirmatory" if adjusted else "descriptive",
        "verdict": verdict,
        "more_items": missing.items,
        "more_items_to_show": missing.to_show,
    }


def _unparsed(task: TaskScores, label: str, row: dict[str, Any]) -> dict[str, Any]:
    """Add to each side how many answers could not be read, and the metric had all been right."""
    sides = {}
    for side, scores in (("A", task.a), ("B", task.b)):
        count = sum(not s.parsed and (label == ALL or label in s.slices) for s in scores)
        best = min(1.0, row[side]["value"] + count / row["n"]) if count else row[side]["value"]
        sides[side] = {**row[side], "unparsed": count, "best_case": _round(best)}
    return sides


def _overall(
    report: dict[str, Any], names: dict[str, str], alpha: float, tasks: int
) -> dict[str, Any]:
    row = next(row for row in report["slices"] if row["slice"] == ALL)
    winner = {"a_better": "A", "b_better": "B"}.get(row["verdict"])
    return {
        "verdict": row["verdict"],
        "winner": winner,
        "task": report["task"],
        "reason": reason_of(report, row, names, alpha).as_dict(),
        "certainty": certainty_of(report, row, tasks).as_dict(),
    }


def _ends(interval: Interval) -> dict[str, float]:
    return {"low": _round(interval.low), "high": _round(interval.high)}


def _round(value: float) -> float:
    """Six significant digits: all that is meant, and the same text on every machine."""
    return float(f"{value:.6g}") + 0.0
