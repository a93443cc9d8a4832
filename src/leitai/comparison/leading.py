"""The two contenders that the report draws side by side, and the verdict as those two see it."""

from collections.abc import Mapping
from typing import Any

from leitai.comparison.pairing import pair_name

Pair = tuple[str, str]


def leading_pair(verdict: Mapping[str, Any]) -> Pair:
    """Return the two that stand first in the ranking, in the order of their keys."""
    first, second = sorted(verdict["overall"]["ranking"][:2])
    return first, second


def pair_view(verdict: Mapping[str, Any], pair: Pair) -> dict[str, Any]:
    """Return what `verdict.json` says of two contenders, as if they were called "A" and "B".

    Args:
        verdict: the contents of `verdict.json`.
        pair: the keys of the two, the earlier one first.

    Returns:
        The same parts, where a slice holds one score for each side and the numbers of their pair.
        The overall sentences are those of the whole duel.
    """
    sides = dict(zip("AB", pair, strict=True))
    overall = dict(verdict["overall"])
    if overall["verdict"] == "best":
        overall["verdict"] = "a_better" if overall["winner"] == sides["A"] else "b_better"
    return {
        **verdict,
        "contenders": {side: verdict["contenders"][key] for side, key in sides.items()},
        "tasks": [
            {
                **task,
                "slices": [
                    {
                        **{key: part[key] for key in ("slice", "role", "n")},
                        **{side: part["scores"][key] for side, key in sides.items()},
                        **part["pairs"][pair_name(*pair)],
                    }
                    for part in task["slices"]
                ],
            }
            for task in verdict["tasks"]
        ],
        "overall": overall,
    }
