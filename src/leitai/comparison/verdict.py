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
from leitai.comparison.judging import by_looks, looks_at, pair_row
from leitai.comparison.leaders import overall_of
from leitai.comparison.pairing import TaskScores, pair_name, pairs_of
from leitai.comparison.reason import note_of
from leitai.comparison.statistics import holm
from leitai.comparison.statistics.resampling import RESAMPLES

SCHEMA = "leitai.verdict/2"
REFERENCE = "reference"
"""The kind of a contender that is shown for orientation and never wins."""


def decide(
    name: str,
    contenders: Mapping[str, Mapping[str, Any]],
    tasks: Sequence[TaskScores],
    *,
    alpha: float = 0.05,
    early_share: float = 0.0,
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
        early_share: of alpha, what was spent on looking: 0 where asking could not stop early, and 1
            where looks alone decide, about these items and no further ones.
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
    levels = [alpha * (early_share if by_looks(task) else 1 - early_share) for task in tasks]
    sliced = [
        compare_task(task, level, resamples, seed)
        for task, level in zip(tasks, levels, strict=True)
    ]
    tests = [(number, pair) for number in range(len(tasks)) for pair in deciding]
    adjusted = _adjust(tasks, sliced, tests, early_share)
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
        "note": note_of(len(names), early_share).as_dict(),
    }


Test = tuple[int, tuple[str, str]]
"""A confirmatory comparison: the task's number, and the pair."""


def _adjust(
    tasks: Sequence[TaskScores], sliced: Sequence[Slices], tests: Sequence[Test], early: float
) -> dict[Test, tuple[float, float]]:
    """Return the adjusted p of difference and of equivalence of every confirmatory comparison.

    They are to be held against alpha, whatever share of it they were given. The p values of looks
    are adjusted by Bonferroni's method, as their bets were. Where asking stopped early they stand
    alone: among the others such a comparison counts as one without evidence. Where all was asked
    the smaller of both counts, for each has its own share of alpha (weighted Bonferroni).

    Args:
        tasks: all of them.
        sliced: their comparisons.
        tests: what is confirmatory.
        early: share of alpha that was spent on looking.
    """
    p, same, looks = [], [], {}
    for number, pair in tests:
        seen = looks_at(tasks[number], pair)
        found = sliced[number][ALL].pairs[pair]
        ended = by_looks(tasks[number])
        p.append(1.0 if ended else found.p)
        same.append(1.0 if ended else found.p_equivalence)
        if seen:
            looks[number, pair] = seen["p"], seen["p_equivalence"]
    adjusted = {}
    for test, *full in zip(tests, holm(p), holm(same), strict=True):
        first, second = (
            min(1.0, _weighed(late, 1 - early), _weighed(look * len(tests), early))
            for late, look in zip(full, looks.get(test, (1.0, 1.0)), strict=True)
        )
        adjusted[test] = first, second
    return adjusted


def _weighed(p: float, share: float) -> float:
    """A p value that has a share of alpha, to be held against all of it."""
    return p / share if share else 1.0


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
                    pair_name(*pair): pair_row(
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
