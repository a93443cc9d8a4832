"""How much the scores move with the way of asking, and with the seed."""

from collections.abc import Mapping, Sequence
from typing import Any

from leitai.comparison.audit.findings import Finding, Side
from leitai.comparison.pairing import pair_name, pairs_of

# what varies -> the finding's title, and its note where the leader changes and where not
_WORDS: Mapping[str, tuple[tuple[str, str], tuple[str, str], tuple[str, str]]] = {
    "arms": (
        (
            "lowest and highest score over {count} ways of asking",
            "{count} 种提问方式下的最低与最高得分",
        ),
        ("who leads depends on the way of asking", "领先者随提问方式而变"),
        (
            "the same order of contenders under every way of asking",
            "各种提问方式下的名次方向一致",
        ),
    ),
    "seeds": (
        ("lowest and highest score over {count} seeds", "{count} 个种子下的最低与最高得分"),
        (
            "who leads depends on the seed: the verdict is of the trained models at hand, not of "
            "training anew",
            "领先者随种子而变：裁决只针对现有的训练结果，不能推及重新训练",
        ),
        ("the same order of contenders under every seed", "各种子下的名次方向一致"),
    ),
}


def check_ways(sides: Sequence[Side], verdict: Mapping[str, Any]) -> list[Finding]:
    """Tell each contender's lowest and highest score over the arms, and over the seeds.

    Warns where the lead changes.

    Args:
        sides: the contenders.
        verdict: the contents of `verdict.json`.
    """
    return [
        _finding(kind, sides, verdict[kind]) for kind in _WORDS if len(verdict.get(kind) or ()) > 1
    ]


def _finding(kind: str, sides: Sequence[Side], found: Sequence[Mapping[str, Any]]) -> Finding:
    scores = {side.key: [one["scores"][side.key]["value"] for one in found] for side in sides}
    turned = any(
        min(gaps) < 0 < max(gaps)
        for pair in pairs_of([side.key for side in sides])
        for gaps in [[one["pairs"][pair_name(*pair)]["difference"]["value"] for one in found]]
    )
    title, changes, stays = _WORDS[kind]
    note = changes if turned else stays
    return Finding(
        kind,
        {
            "en": title[0].format(count=len(found)),
            "zh": title[1].format(count=len(found)),
        },
        tuple(f"{min(values):.3g} – {max(values):.3g}" for values in scores.values()),
        "warning" if turned else "note",
        {"en": note[0], "zh": note[1]},
    )
