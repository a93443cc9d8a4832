"""Which contender to take, given what each costs: the cheaper of two that are equivalent.

Costs are those that the same spec gives again: the price of an answer where endpoints have prices,
else the number of parameters, to which memory and time are roughly proportional. What a clock
measured is in `cost.json`, and never in a verdict.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from leitai.comparison.compared import clusters_of
from leitai.comparison.metric_words import metric_of
from leitai.comparison.numbers import ends, rounded
from leitai.comparison.pairing import TaskScores, align, pair_name, pairs_of
from leitai.comparison.statistics.pareto import Verdict, pareto_front, quality_per_cost
from leitai.comparison.wording import Bilingual, level

MEASURES: dict[str, Bilingual] = {
    "price": Bilingual("price of an answer", "每次回答的价格"),
    "parameters": Bilingual("parameters", "参数量"),
}

_DOMINATES = Bilingual(
    "{winner} is better and not dearer ({measure}).", "{winner} 更好，且不更贵（{measure}）。"
)
_BETTER = Bilingual(
    "{winner} is better, but dearer: its {measure} is {ratio} times that of {other}.",
    "{winner} 更好，但更贵：其{measure}是 {other} 的 {ratio} 倍。",
)
_FOR_THE_SAME = Bilingual(
    " For the same {measure} it gives {value} times as much {metric} ({level} interval {low} to "
    "{high}).",
    "同样的{measure}下，其{metric}为对方的 {value} 倍（{level} 置信区间 {low} 至 {high}）。",
)
_CHEAPER = Bilingual(
    "Equivalent, and {winner} is cheaper: the {measure} of {other} is {ratio} times as high.",
    "水平等效，而 {winner} 更省：{other} 的{measure}是它的 {ratio} 倍。",
)
_SAME = Bilingual(
    "Equivalent, and none of them is cheaper ({measure}).", "水平等效，且成本无差别（{measure}）。"
)


def choice_of(
    task: Mapping[str, Any],
    overall: Mapping[str, Any],
    names: Mapping[str, str],
    costs: Mapping[str, Mapping[str, float]],
    scored: TaskScores,
    seed: int = 0,
) -> dict[str, Any] | None:
    """Return the "choice" of the overall verdict.

    Args:
        task: the primary task, as `verdict.json` has it.
        overall: its overall verdict.
        names: of all contenders, by key.
        costs: by measure and contender; a measure is used where all that compete have it.
        scored: the primary task's scores.
        seed: of the bootstrap.

    Returns:
        The one to take (None where nothing speaks for any), by which measure, who is on the Pareto
        front, what a unit of cost buys where the better one is dearer, and why; None where the
        quality is undecided or no cost is known of all.
    """
    ranked = sorted(overall["ranking"])
    measure = next((m for m in MEASURES if all(key in costs.get(m, {}) for key in ranked)), None)
    if overall["verdict"] == "undecided" or measure is None:
        return None
    spent = costs[measure]
    winner: str | None = overall["winner"]
    if winner is not None:
        nearest = min(ranked, key=lambda key: (spent[key], key))
        dearer = spent[nearest] < spent[winner]
        words, dear, cheap = (_BETTER if dearer else _DOMINATES), winner, nearest
    else:
        first, second, *_ = sorted(overall["leaders"], key=lambda key: (spent[key], key))
        apart = spent[first] < spent[second]
        winner = first if apart else None
        words, dear, cheap = (_CHEAPER if apart else _SAME), second, first
    why = words.format(
        winner=names[winner or cheap],
        other=names[dear if dear != winner else cheap],
        measure=MEASURES[measure],
        ratio=f"{spent[dear] / spent[cheap]:.3g}" if spent[cheap] else "∞",
    )
    bought = None
    if words is _BETTER:
        bought = _per_cost(scored, (dear, cheap), spent, task["alpha"], seed)
    if bought is not None:
        more = _FOR_THE_SAME.format(
            measure=MEASURES[measure],
            metric=metric_of(task["metric"]).name,
            level=level(task["alpha"]),
            **{end: f"{bought[end]:.3g}" for end in ("value", "low", "high")},
        )
        why = Bilingual(why.en + more.en, why.zh + more.zh)
    return {
        "winner": winner,
        "by": measure,
        "front": front_of(task, ranked, spent),
        "per_cost": bought,
        "why": why.as_dict(),
    }


def _per_cost(
    scored: TaskScores,
    pair: tuple[str, str],
    spent: Mapping[str, float],
    alpha: float,
    seed: int,
) -> dict[str, Any] | None:
    """Return what the first gives for its cost, over what the second gives for its own.

    None where that means nothing: a metric of which less is better, or a cost or score of 0.
    """
    aligned = align(scored)
    one, other = (
        np.array([(score.numerator, spent[key]) for score in aligned[key]]) for key in pair
    )
    counts = (one >= 0).all() and (other >= 0).all() and one.any(axis=0).all()
    if not (scored.higher_is_better and counts and other.any(axis=0).all()):
        return None
    clusters = clusters_of(aligned[pair[0]])
    numbers = None if clusters is None else np.unique(clusters, return_inverse=True)[1]
    found = quality_per_cost(one, other, alpha=alpha, clusters=numbers, seed=seed)
    return {"of": pair[0], "over": pair[1], "value": rounded(found.value), **ends(found.interval)}


def front_of(task: Mapping[str, Any], keys: Sequence[str], costs: Mapping[str, float]) -> list[str]:
    """Return those that no other is shown to beat at no higher cost, or to equal at a lower one.

    Args:
        task: a task of `verdict.json`; its verdicts over all items count.
        keys: of the contenders that compete.
        costs: of each; less is better.
    """
    verdicts: dict[tuple[int, int], Verdict] = {
        (keys.index(a), keys.index(b)): task["slices"][0]["pairs"][pair_name(a, b)]["verdict"]
        for a, b in pairs_of(keys)
    }
    on_front = pareto_front([costs[key] for key in keys], verdicts)
    return [key for key, on in zip(keys, on_front, strict=True) if on]
