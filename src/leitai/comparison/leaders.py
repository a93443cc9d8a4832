"""From the pairs of the primary task to the overall verdict: who leads, and is it beyond doubt?

A contender leads when no other was shown to be better. With a single leader that beats every other
there is a best one; leaders that are all equivalent to each other share the place; anything else is
undecided. Reference rows take no part.

A contender's places run from one behind those shown to be better to one before those shown to be
worse. As no order is shown falsely with chance 1 - alpha, all true ranks are among them at once
(Al Mohamad, van Zwet, Goeman and Solari, Biometrics 78, 2022).
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from leitai.comparison.pairing import pair_name, pairs_of
from leitai.comparison.reason import certainty_of, reason_of
from leitai.comparison.wording import Bilingual, level, metric_of, p_value

_BEST = Bilingual(
    "{winner} is the best of {count} on {task}: {metric} {first}{direction}; the nearest, {other} "
    "with {second}, is behind by {lead}{gap} ({level} interval {low} to {high}; {p}), on {n} "
    "items.",
    "在 {task} 上，{winner} 是 {count} 个选手中最好的：{metric} {first}{direction}；"
    "最接近的 {other} 为 {second}，落后 {lead}{gap}"
    "（{level} 置信区间 {low} 至 {high}；{p}），共 {n} 题。",
)
_EQUIVALENT = Bilingual(
    "{leaders} are equivalent on {task} within the margin of ±{margin}{gap}, and none of {count} "
    "is better: {metric} {scores}{direction}, on {n} items.",
    "在 {task} 上，{leaders} 在 ±{margin}{gap}的界限内等效，{count} 个选手中没有更好的："
    "{metric} {scores}{direction}，共 {n} 题。",
)
_UNDECIDED = Bilingual(
    "Undecided on {task} between {leaders}: {metric} {scores}{direction}, on {n} items; {more}.",
    "在 {task} 上，{leaders} 胜负未定：{metric} {scores}{direction}，共 {n} 题；{more}。",
)
_LOWER = Bilingual(" (lower is better)", "（越低越好）")
_MORE = Bilingual(
    "about {more} more items would decide every pair of them",
    "约需再增加 {more} 题才能分出各对的结果",
)
_NO_MORE = Bilingual(
    "no practical number of further items would decide every pair of them",
    "再增加多少题也难以分出各对的结果",
)
_CLOSEST = Bilingual(
    "{a} and {b} are the closest pair. {sentence}", "{a} 与 {b} 最为接近。{sentence}"
)


def overall_of(
    task: dict[str, Any],
    names: dict[str, str],
    ranked: Sequence[str],
    alpha: float,
    tasks: int,
) -> dict[str, Any]:
    """Return the "overall" part of `verdict.json`.

    Args:
        task: the primary task, as `verdict.json` has it.
        names: of all contenders, by key.
        ranked: the keys of those that can win.
        alpha: allowed rate of false verdicts.
        tasks: how many tasks there are.
    """
    part = task["slices"][0]
    sign = -1 if task["higher_is_better"] else 1
    ranking = sorted(ranked, key=lambda key: (sign * part["scores"][key]["value"], key))
    beaten = {key: _beaten_by(part, key, ranked) for key in ranked}
    leaders = [key for key in ranking if not any(key in beaten[other] for other in ranked)]
    places = {
        key: {
            "best": 1 + sum(key in beaten[other] for other in ranked),
            "worst": len(ranked) - len(beaten[key]),
        }
        for key in ranking
    }
    tests = tasks * len(pairs_of(ranked))
    base = {
        "task": task["task"],
        "ranking": ranking,
        "leaders": leaders,
        "places": places,
        "choice": None,
    }
    several = len(names) > 2
    if len(ranked) == 2:
        pair = (ranked[0], ranked[1])
        row = part["pairs"][pair_name(*pair)]
        verdict = row["verdict"]
        winner = {"a_better": pair[0], "b_better": pair[1]}.get(verdict)
        return {
            **base,
            "verdict": "best" if winner and several else verdict,
            "winner": winner,
            "reason": reason_of(task, part, pair, names, alpha).as_dict(),
            "certainty": certainty_of(task, row, tests, several).as_dict(),
        }
    verdict, winner, contested = _judge(part, ranking, leaders, beaten)
    reason = (
        _best(task, part, ranking, names, alpha, winner)
        if winner
        else _shared(task, part, verdict, contested, names, len(ranked))
    )
    pair = _closest(part, contested, verdict, winner)
    certainty = _CLOSEST.format(
        a=names[pair[0]],
        b=names[pair[1]],
        sentence=certainty_of(task, part["pairs"][pair_name(*pair)], tests, True),
    )
    return {
        **base,
        "verdict": verdict,
        "winner": winner,
        "reason": reason.as_dict(),
        "certainty": certainty.as_dict(),
    }


def _beaten_by(part: dict[str, Any], key: str, ranked: Sequence[str]) -> set[str]:
    beaten = set()
    for first, second in pairs_of(ranked):
        verdict = part["pairs"][pair_name(first, second)]["verdict"]
        if first == key and verdict == "a_better":
            beaten.add(second)
        if second == key and verdict == "b_better":
            beaten.add(first)
    return beaten


def _judge(
    part: dict[str, Any],
    ranking: Sequence[str],
    leaders: Sequence[str],
    beaten: dict[str, set[str]],
) -> tuple[str, str | None, list[str]]:
    """Return the verdict, the winner, and between whom the place is contested."""
    if len(leaders) == 1:
        winner = leaders[0]
        unbeaten = [key for key in ranking if key not in beaten[winner]]
        return (
            ("best", winner, list(ranking)) if len(unbeaten) == 1 else ("undecided", None, unbeaten)
        )
    contested = list(leaders or ranking)
    verdicts = {_row(part, a, b)["verdict"] for a, b in combinations(contested, 2)}
    return ("equivalent" if verdicts == {"equivalent"} else "undecided"), None, contested


def _row(part: dict[str, Any], a: str, b: str) -> dict[str, Any]:
    row: dict[str, Any] = part["pairs"][pair_name(*sorted((a, b)))]
    return row


def _closest(
    part: dict[str, Any], contested: Sequence[str], verdict: str, winner: str | None
) -> tuple[str, str]:
    """Return the pair that the verdict hangs on."""
    pairs = [
        (a, b)
        for a, b in pairs_of(sorted(contested))
        if winner in (None, a, b)
        and (verdict != "undecided" or _row(part, a, b)["verdict"] == verdict)
    ] or pairs_of(sorted(contested))
    if verdict == "undecided":
        return min(pairs, key=lambda pair: abs(_row(part, *pair)["difference"]["value"]))
    key = "p_equivalence_holm" if verdict == "equivalent" else "p_holm"
    return max(pairs, key=lambda pair: float(_row(part, *pair)[key]))


def _best(
    task: dict[str, Any],
    part: dict[str, Any],
    ranking: Sequence[str],
    names: dict[str, str],
    alpha: float,
    winner: str,
) -> Bilingual:
    metric = metric_of(task["metric"])
    other = next(key for key in ranking if key != winner)
    row, write = _row(part, winner, other), metric.unit.difference
    lead = sorted(abs(row["difference"][end]) for end in ("low", "high"))
    return _BEST.format(
        winner=names[winner],
        count=len(ranking),
        task=task["task"],
        metric=metric.name,
        first=metric.unit.value(part["scores"][winner]["value"]),
        direction=Bilingual.same("") if task["higher_is_better"] else _LOWER,
        other=names[other],
        second=metric.unit.value(part["scores"][other]["value"]),
        lead=write(abs(row["difference"]["value"]), False),
        gap=metric.unit.gap,
        level=level(alpha),
        low=write(lead[0], False),
        high=write(lead[1], False),
        p=p_value(row["p_holm"]),
        n=f"{part['n']:,}",
    )


def _shared(
    task: dict[str, Any],
    part: dict[str, Any],
    verdict: str,
    contested: Sequence[str],
    names: dict[str, str],
    count: int,
) -> Bilingual:
    metric = metric_of(task["metric"])
    rows = [_row(part, a, b) for a, b in combinations(contested, 2)]
    shown = [metric.unit.value(part["scores"][key]["value"]) for key in contested]
    missing = [row["more_items"] for row in rows if row["verdict"] == "undecided"]
    more = _NO_MORE
    if missing and None not in missing:
        more = _MORE.format(more=f"{max(missing):,}")
    return (_EQUIVALENT if verdict == "equivalent" else _UNDECIDED).format(
        leaders=_listed([names[key] for key in contested]),
        task=task["task"],
        margin=metric.unit.difference(rows[0]["margin"], False),
        gap=metric.unit.gap,
        count=count,
        metric=metric.name,
        scores=_listed(shown),
        direction=Bilingual.same("") if task["higher_is_better"] else _LOWER,
        n=f"{part['n']:,}",
        more=more,
    )


def _listed(words: Sequence[str]) -> Bilingual:
    *most, last = words
    return Bilingual(f"{', '.join(most)} and {last}", f"{'、'.join(most)} 与 {last}")
