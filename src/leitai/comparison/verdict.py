"""Per-item scores of two to eight contenders in, `verdict.json` out.

The rules, for every task, slice and pair of contenders, with alpha the allowed rate of false
verdicts:

1. `equivalent`: two one-sided tests at alpha show that the difference is smaller than the margin;
   that is, the 1 - 2 alpha interval lies inside the margin. This comes first: a difference that is
   real but provably smaller than what matters is no reason to prefer one contender.
2. `a_better` (the pair's first) or `b_better` (its second): the 1 - alpha interval excludes zero
   and the test of "no difference" has p <= alpha. For right-or-wrong items the interval is Tango's
   and the test is exact McNemar; for sums over sums, such as bits per byte, they are the BCa
   bootstrap and a sign-flip permutation test.
3. `undecided` otherwise, with about how many more items would decide it.

One task is primary, and the overall verdict follows from that task's pairs over all its items
(`leaders.py`). Verdicts over all items of a task are confirmatory: their p values, of difference
and of equivalence, are adjusted by Holm's method over all tasks and pairs, so that for each of the
two kinds of claim the chance of any false one in the whole report stays below alpha. Verdicts of
smaller slices (a language) and of pairs with a reference row are descriptive: not adjusted, a hint
where to look, not a finding.

A difference is the pair's first minus its second in the metric's own unit, also where lower is
better.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.comparison.compared import ALL, Slices, compare_task
from leitai.comparison.leaders import overall_of
from leitai.comparison.numbers import ends, rounded
from leitai.comparison.pairing import TaskScores, pair_name, pairs_of
from leitai.comparison.reason import note_of
from leitai.comparison.statistics import PairedComparison, holm, mcnemar_midp, more_items
from leitai.comparison.statistics.planning import MoreItems
from leitai.comparison.statistics.resampling import RESAMPLES
from leitai.comparison.statistics.sequential import EARLY_SHARE
from leitai.comparison.stopping import BETTING

SCHEMA = "leitai.verdict/2"
REFERENCE = "reference"
"""The kind of a contender that is shown for orientation and never wins."""


def decide(
    name: str,
    contenders: Mapping[str, Mapping[str, Any]],
    tasks: Sequence[TaskScores],
    *,
    alpha: float = 0.05,
    looked: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare all contenders on all tasks, pair by pair.

    Args:
        name: of the duel.
        contenders: by key what `verdict.json` says of them; "name" is needed, and "kind" tells a
            reference row.
        tasks: one of them primary; a single task is primary by itself.
        alpha: allowed rate of false verdicts, between 0 and 0.5.
        looked: whether asking could stop early, on which `EARLY_SHARE` of alpha was spent.
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
    names = {key: str(about["name"]) for key, about in contenders.items()}
    ranked = [key for key in names if contenders[key].get("kind") != REFERENCE]
    deciding = pairs_of(ranked)
    share = 1 - EARLY_SHARE if looked else 1.0
    levels = [alpha * (EARLY_SHARE if _stopped(task) else share) for task in tasks]
    sliced = [
        compare_task(task, level, resamples, seed)
        for task, level in zip(tasks, levels, strict=True)
    ]
    tests = [(number, pair) for number in range(len(tasks)) for pair in deciding]
    adjusted = _adjust(tasks, sliced, tests, share)
    reports = [
        _report(task, number, sliced[number], adjusted, alpha, levels[number], task is primary)
        for number, task in enumerate(tasks)
    ]
    report = next(report for report in reports if report["primary"])
    return {
        "schema": SCHEMA,
        "name": name,
        "alpha": alpha,
        "contenders": {key: {"kind": "checkpoint", **about} for key, about in contenders.items()},
        "duels": [pair_name(*pair) for pair in pairs_of(list(names))],
        "tasks": reports,
        "overall": overall_of(report, names, ranked, report["alpha"], len(tasks)),
        "arms": [],
        "seeds": [],
        "components": None,
        "note": note_of(len(names), EARLY_SHARE if looked else 0.0).as_dict(),
    }


Test = tuple[int, tuple[str, str]]
"""A confirmatory comparison: the task's number, and the pair."""


def _adjust(
    tasks: Sequence[TaskScores], sliced: Sequence[Slices], tests: Sequence[Test], share: float
) -> dict[Test, tuple[float, float]]:
    """Return the adjusted p of difference and of equivalence of every confirmatory comparison.

    They are to be held against alpha, whatever share of it they were given. Where asking stopped
    early, the sequence's own p values are adjusted by Bonferroni's method, as its bets were; among
    the others such a comparison counts as one without evidence.
    """
    p, same, early = [], [], {}
    for number, pair in tests:
        seen = stopped_at(tasks[number], pair)
        found = sliced[number][ALL].pairs[pair]
        p.append(1.0 if seen else found.p)
        same.append(1.0 if seen else found.p_equivalence)
        if seen:
            factor = len(tests) / EARLY_SHARE
            early[number, pair] = (
                min(1.0, seen["p"] * factor),
                min(1.0, seen["p_equivalence"] * factor),
            )
    both = zip(holm(p), holm(same), strict=True)
    full = [(min(1.0, one / share), min(1.0, other / share)) for one, other in both]
    return {**dict(zip(tests, full, strict=True)), **early}


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


def _report(
    task: TaskScores,
    number: int,
    slices: Slices,
    adjusted: Mapping[Test, tuple[float, float]],
    alpha: float,
    level: float,
    primary: bool,
) -> dict[str, Any]:
    rows = []
    for label, compared in slices.items():
        rows.append(
            {
                "slice": label,
                "role": "confirmatory" if label == ALL else "descriptive",
                "n": compared.n,
                "clusters": compared.clusters,
                "scores": compared.scores,
                "further": task.further.get(label, {}),
                "pairs": {
                    pair_name(*pair): _row(
                        task,
                        pair,
                        comparison,
                        adjusted.get((number, pair)) if label == ALL else None,
                        alpha,
                        level / len(adjusted),
                    )
                    for pair, comparison in compared.pairs.items()
                },
            }
        )
    return {
        "task": task.task,
        "metric": task.metric,
        "higher_is_better": task.higher_is_better,
        "primary": primary,
        "alpha": level,
        "clustered": slices[ALL].clusters is not None,
        "slices": rows,
        "sequential": task.sequential,
    }


def _row(
    task: TaskScores,
    pair: tuple[str, str],
    comparison: PairedComparison,
    adjusted: tuple[float, float] | None,
    alpha: float,
    first_step: float,
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
    if adjusted and verdict == "undecided":
        verdict = decision_on(task, pair) or verdict
    missing = MoreItems(None, None)
    if verdict == "undecided":
        missing = more_items(
            comparison.n,
            comparison.spread,
            comparison.difference.value,
            task.margin,
            # With several tests the first step of Holm's method is the one to plan for.
            alpha=first_step if adjusted else alpha,
        )
    value, interval = comparison.difference
    row = {
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
    }
    if adjusted and (seen := stopped_at(task, pair)):
        row.update(_as_seen(seen))
    return row


def _as_seen(seen: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a stopped comparison says instead of the tests that want all items."""
    _, _, low, high = seen["path"][-1]
    return {
        "verdict": seen["decision"],
        "p": seen["p"],
        "p_mid": None,
        "p_equivalence": seen["p_equivalence"],
        "difference": {"value": seen["value"], "low": low, "high": high},
        "equivalence_interval": {"low": low, "high": high},
        "test": BETTING,
        "more_items": None,
        "more_items_to_show": None,
    }


def decision_on(task: TaskScores, pair: tuple[str, str]) -> str | None:
    """Return what the looks decided about a pair, if anything."""
    if task.sequential is None:
        return None
    decision: str | None = task.sequential["pairs"].get(pair_name(*pair), {}).get("decision")
    return decision


def stopped_at(task: TaskScores, pair: tuple[str, str]) -> Mapping[str, Any] | None:
    """Return what the looks saw of a pair whose task was stopped early."""
    if task.sequential is None or not _stopped(task):
        return None
    seen: Mapping[str, Any] | None = task.sequential["pairs"].get(pair_name(*pair))
    return seen


def _stopped(task: TaskScores) -> bool:
    return task.sequential is not None and bool(task.sequential["stopped"])
