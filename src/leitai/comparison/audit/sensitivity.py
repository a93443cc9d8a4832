"""How much the scores move with the way of asking."""

from collections.abc import Mapping, Sequence
from typing import Any

from leitai.comparison.audit.findings import Finding, Side
from leitai.comparison.pairing import pair_name, pairs_of


def check_arms(sides: Sequence[Side], verdict: Mapping[str, Any]) -> list[Finding]:
    """Tell each contender's lowest and highest score over the arms; warn where the lead changes.

    Args:
        sides: the contenders.
        verdict: the contents of `verdict.json`.
    """
    arms = verdict["arms"]
    if not arms:
        return []
    scores = {side.key: [arm["scores"][side.key]["value"] for arm in arms] for side in sides}
    turned = any(
        min(gaps) < 0 < max(gaps)
        for pair in pairs_of([side.key for side in sides])
        for gaps in [[arm["pairs"][pair_name(*pair)]["difference"]["value"] for arm in arms]]
    )
    return [
        Finding(
            "arms",
            {
                "en": f"lowest and highest score over {len(arms)} ways of asking",
                "zh": f"{len(arms)} 种提问方式下的最低与最高得分",
            },
            tuple(f"{min(found):.3g} – {max(found):.3g}" for found in scores.values()),
            "warning" if turned else "note",
            {
                "en": "who leads depends on the way of asking"
                if turned
                else "the same order of contenders under every way of asking",
                "zh": "领先者随提问方式而变" if turned else "各种提问方式下的名次方向一致",
            },
        )
    ]
