"""Asking that stops once every verdict of a task holds whatever the remaining items say.

All contenders are asked the same part of the items, in the order that was fixed before anything was
asked; then the evidence is looked at (`statistics/sequential.py`), and asking goes on only while
some pair is open. Each pair's bets get an equal share of the part of alpha that is spent on
looking, so what stops the asking holds at that level over all pairs, tasks and looks.

Only tasks whose items score between 0 and 1 and stand alone can be stopped: bits have no bound that
a bettor could know, and items of one passage are not fresh evidence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from leitai.comparison.numbers import rounded
from leitai.comparison.pairing import pair_name
from leitai.comparison.statistics.sequential import confidence_sequence, evidence
from leitai.data import Row
from leitai.evaluation import MEASURES, BaseTask, ItemRecord

Pair = tuple[str, str]

BETTING = "betting"
"""The `test` of a pair whose task was stopped early, as in `verdict.json`."""


@dataclass
class Watch:
    """The pairs of a task while it is asked.

    Attributes:
        pairs: those whose verdicts must be safe.
        margin: equivalence margin of the metric.
        higher_is_better: its direction.
        alpha: of one pair, over all looks.
        level: of the intervals that are shown, not shared among pairs.
        planned: items of the task.
    """

    pairs: Sequence[Pair]
    margin: float
    higher_is_better: bool
    alpha: float
    level: float
    planned: int
    _paths: dict[Pair, list[list[float]]] = field(default_factory=dict)
    _found: dict[Pair, dict[str, Any]] = field(default_factory=dict)
    _asked: int = 0

    def look(self, records: Mapping[str, Sequence[ItemRecord]]) -> bool:
        """Look at the evidence after the items asked so far.

        Args:
            records: by contender, in the order of asking.

        Returns:
            Whether every pair is decided.
        """
        scores = {
            key: np.array([record.numerator for record in found], dtype=np.float64)
            for key, found in records.items()
        }
        self._asked = len(next(iter(scores.values())))
        for pair in self.pairs:
            self._see(pair, scores[pair[0]] - scores[pair[1]])
        return all(found["decision"] is not None for found in self._found.values())

    def _see(self, pair: Pair, differences: np.ndarray) -> None:
        evident = evidence(differences, margin=self.margin)
        at = int(evident.decided_at(self.alpha))
        decision = None
        if at:
            first_leads = bool(evident.higher[at - 1] > evident.lower[at - 1])
            apart = "a_better" if first_leads == self.higher_is_better else "b_better"
            alike = evident.equivalent[at - 1] >= 1 / self.alpha
            decision = "equivalent" if alike else apart
        different, equivalent = float(evident.different[-1]), float(evident.equivalent[-1])
        low, high = confidence_sequence(differences, alpha=self.level)
        path = self._paths.setdefault(pair, [])
        strongest = max(different, equivalent, 1e-300)
        path.append(
            [
                len(differences),
                rounded(np.log(strongest)),
                rounded(float(low)),
                rounded(float(high)),
            ]
        )
        self._found[pair] = {
            "decision": decision,
            "at": at or None,
            "p": rounded(min(1.0, 1 / max(different, 1e-300))),
            "p_equivalence": rounded(min(1.0, 1 / max(equivalent, 1e-300))),
            "path": path,
        }

    def as_json(self) -> dict[str, Any]:
        """Return the "sequential" part of a task of `verdict.json`."""
        return {
            "planned": self.planned,
            "asked": self._asked,
            "stopped": self._asked < self.planned,
            "pairs": {pair_name(*pair): found for pair, found in self._found.items()},
        }


def can_stop(task: BaseTask, items: Sequence[Row]) -> bool:
    """Tell whether a task may be stopped early: scores from 0 to 1, and no clusters."""
    groups = [row.group for row in items if row.group is not None]
    return MEASURES[task.metric].unit == "share" and len(set(groups)) == len(groups)


def bounded(records: Mapping[str, Sequence[ItemRecord]]) -> bool:
    """Tell whether every item counts the same and scores from 0 to 1."""
    return all(
        record.denominator == 1 and 0 <= record.numerator <= 1
        for found in records.values()
        for record in found
    )
