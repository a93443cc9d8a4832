"""Asking that stops once every verdict of a task holds whatever the remaining items say.

All contenders are asked the same part of the items, in the order that was fixed before anything was
asked; then the evidence is looked at (`statistics/sequential.py`), and asking goes on only while
some pair is open. Each pair's bets get an equal share of the part of alpha that is spent on
looking, so what stops the asking holds at that level over all pairs, tasks and looks.

Items of one cluster (a passage, a dialogue) are not fresh evidence: they are asked one after
another, and a cluster counts once, when all of it was asked, by the sum of its differences; claims
are of the mean over items, as in every other number of a verdict.

Only tasks whose items score between 0 and 1 can be stopped: bits have no bound that a bettor could
know.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypedDict

import numpy as np

from leitai.base.errors import LeitaiError
from leitai.base.files import hash_value
from leitai.comparison.numbers import rounded
from leitai.comparison.pairing import pair_name
from leitai.comparison.statistics.sequential import Sizes, confidence_sequence, decided, evidence
from leitai.data import Row
from leitai.evaluation import MEASURES, BaseTask, ItemRecord

Pair = tuple[str, str]

BETTING = "betting"
"""The `test` of a pair whose verdict is a look's, as in `verdict.json`."""


class Among(TypedDict, total=False):
    """What items are drawn from, as the statistics of sequences are told."""

    sizes: Sizes
    population: int


@dataclass
class Watch:
    """The pairs of a task while it is asked.

    Attributes:
        pairs: those whose verdicts must be safe.
        margin: equivalence margin of the metric.
        higher_is_better: its direction.
        alpha: of one pair, over all looks.
        level: of the intervals that are shown, not shared among pairs.
        clusters: the cluster of every item of the task, in the order of asking.
        pool: whether claims are of these items alone, each of which is its own cluster.
    """

    pairs: Sequence[Pair]
    margin: float
    higher_is_better: bool
    alpha: float
    level: float
    clusters: Sequence[str]
    pool: bool = False
    _paths: dict[Pair, list[list[float]]] = field(default_factory=dict)
    _found: dict[Pair, dict[str, Any]] = field(default_factory=dict)
    _asked: int = 0

    @cached_property
    def _largest(self) -> int:
        return max(Counter(self.clusters).values())

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
        ends = self._ends()
        if not ends:
            return False
        for pair in self.pairs:
            self._see(pair, scores[pair[0]] - scores[pair[1]], ends)
        return all(found["decision"] is not None for found in self._found.values())

    def _ends(self) -> list[int]:
        """Count the items up to the end of every cluster that was asked whole."""
        names = [*self.clusters, None]
        return [at + 1 for at in range(self._asked) if names[at] != names[at + 1]]

    def _see(self, pair: Pair, items: np.ndarray, ends: Sequence[int]) -> None:
        parts = np.split(items[: ends[-1]], ends[:-1])
        differences = np.array([part.sum() for part in parts])
        counts = np.array([len(part) for part in parts], dtype=np.float64)
        among: Among = {"sizes": Sizes(counts, self._largest)}
        if self.pool:
            among = {"population": len(self.clusters)}
        evident = evidence(differences, margin=self.margin, **among)
        seen = decided(differences, margin=self.margin, alpha=self.alpha, **among)
        decision, at = (
            (None, None) if seen is None else (self._words(seen.outcome), ends[seen.n - 1])
        )
        if self.pool and len(items) == len(self.clusters) and not self._decision(pair):
            decision, at = self._settled(float(differences.mean())), len(items)
        different, equivalent = float(evident.different[-1]), float(evident.equivalent[-1])
        low, high = confidence_sequence(differences, alpha=self.level, **among)
        path = self._paths.setdefault(pair, [])
        strongest = max(different, equivalent, 1e-300)
        path.append(
            [
                len(items),
                rounded(np.log(strongest)),
                rounded(float(low)),
                rounded(float(high)),
            ]
        )
        inner = confidence_sequence(differences, alpha=2 * self.level, **among)
        self._found[pair] = {
            "decision": decision,
            "at": at,
            "value": rounded(float(differences.sum() / counts.sum())),
            "p": rounded(min(1.0, 1 / max(different, 1e-300))),
            "p_equivalence": rounded(min(1.0, 1 / max(equivalent, 1e-300))),
            "inner": [rounded(inner.low), rounded(inner.high)],
            "path": path,
        }

    def _decision(self, pair: Pair) -> str | None:
        """What an earlier look decided, if any."""
        found: str | None = self._found.get(pair, {}).get("decision")
        return found

    def _settled(self, difference: float) -> str | None:
        """Tell what a pool's own difference says, once it is known; None for none at all."""
        if abs(difference) < self.margin:
            return "equivalent"
        return self._words("a_higher" if difference > 0 else "b_higher") if difference else None

    def _words(self, outcome: str) -> str:
        if outcome == "equivalent":
            return outcome
        return "a_better" if (outcome == "a_higher") == self.higher_is_better else "b_better"

    def as_json(self) -> dict[str, Any]:
        """Return the "sequential" part of a task of `verdict.json`."""
        return {
            "planned": len(self.clusters),
            "asked": self._asked,
            "stopped": self._asked < len(self.clusters),
            "about": "these" if self.pool else "further",
            "pairs": {pair_name(*pair): found for pair, found in self._found.items()},
        }


def can_stop(task: BaseTask) -> bool:
    """Tell whether a task may be stopped early, as far as its metric tells."""
    return MEASURES[task.metric].unit == "share"


def refuse_no_pool(task: BaseTask, items: Sequence[Row]) -> None:
    """Refuse a task whose items no claim about these alone can be made of.

    Raises:
        LeitaiError: its metric has no bound, or items belong together.
    """
    if not can_stop(task):
        why = f"{task.metric} has no bound that looks could use"
    elif len({cluster_of(row) for row in items}) < len(items):
        why = "its items come in groups, which are not drawn one by one"
    else:
        return
    raise LeitaiError(
        f"`about: these` does not go with this task: {why}",
        where=f"task {task.name}",
        remedy="leave `about` out of `verdict`",
    )


def cluster_of(row: Row) -> str:
    """Return the cluster of an item; one without a group is a cluster by itself."""
    return f"item {row.id}" if row.group is None else f"group {row.group}"


def in_clusters(items: Sequence[Row], seed: int) -> list[Row]:
    """Put the items of a cluster together, clusters in random order, items as they were."""
    return sorted(items, key=lambda row: hash_value([seed, cluster_of(row)]))


def bounded(records: Mapping[str, Sequence[ItemRecord]]) -> bool:
    """Tell whether every item counts the same and scores from 0 to 1."""
    return all(
        record.denominator == 1 and 0 <= record.numerator <= 1
        for found in records.values()
        for record in found
    )
