"""What people or a model preferred: summed up, kept in a run's folder, and read for its report."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from leitai.base.files import read_json, write_json
from leitai.comparison.numbers import rounded
from leitai.comparison.pairing import pair_name
from leitai.comparison.statistics.compare import Estimate
from leitai.comparison.statistics.preference import bradley_terry
from leitai.evaluation.judging import Judgement

FOLDER = "preferences"
SCHEMA = "leitai.preferences/1"


def summarise(found: Judgement, *, task: str, judge: str, asked: int) -> dict[str, Any]:
    """Count who was preferred, slice by slice, and estimate strengths from all votes.

    All votes on the items of a group are resampled together. Infinite numbers become None.

    Args:
        found: the preferences.
        task: whose answers were compared.
        judge: who judged, in a few words.
        asked: comparisons that there were to make; people may leave some out.

    Returns:
        Plain JSON values: "slices" with, for each pair, who was preferred how often; "strengths" by
        contender; "gaps" by pair with the p of "equally strong"; shares of a judge's replies that
        could not be read and of winners that changed with the order.
    """
    keys = sorted({key for pair in found.pairs for key in pair})
    prompts: dict[str, int] = {}
    votes = [
        (
            prompts.setdefault(p.group or p.id, len(prompts)),
            keys.index(p.pair[0]),
            keys.index(p.pair[1]),
            (p.outcome == p.pair[0]) - (p.outcome == p.pair[1]),
        )
        for p in found.preferences
    ]
    fitted = bradley_terry(np.array(votes), len(keys))
    return {
        "schema": SCHEMA,
        "task": task,
        "judge": judge,
        "judged": len(found.preferences),
        "asked": asked,
        "unparsed": rounded(found.unparsed),
        "inconsistent": rounded(found.inconsistent),
        "slices": [
            {"slice": "all", "pairs": _counts(found)},
            *({"slice": name, "pairs": _counts(found.within(name))} for name in found.slices),
        ],
        "strengths": {key: _ends(one) for key, one in zip(keys, fitted.strengths, strict=True)},
        "gaps": {
            pair_name(keys[i], keys[j]): _ends(gap.difference) | {"p": rounded(gap.p)}
            for (i, j), gap in fitted.gaps.items()
        },
    }


def _counts(found: Judgement) -> dict[str, dict[str, int]]:
    return {
        pair_name(*pair): dict(zip(("first", "second", "tie"), found.wins(pair), strict=True))
        for pair in found.pairs
    }


def _ends(estimate: Estimate) -> dict[str, float | None]:
    value, (low, high) = estimate
    ends = {"value": value, "low": low, "high": high}
    return {name: rounded(end) if math.isfinite(end) else None for name, end in ends.items()}


def keep_preferences(run: Path, summary: dict[str, Any]) -> Path:
    """Write a summary into a run's folder, in place of the same judge's on the same task.

    Raises:
        LeitaiError: the disk is full.
    """
    name = re.sub(r"[^\w.-]+", "-", f"{summary['task']}-{summary['judge']}")
    path = run / FOLDER / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    write_json(path, summary)
    return path


def read_preferences(run: Path) -> Sequence[dict[str, Any]]:
    """Return the summaries in a run's folder, in the order of their files' names.

    Raises:
        LeitaiError: a file is damaged.
    """
    return [read_json(path) for path in sorted((run / FOLDER).glob("*.json"))]
