"""The primary task asked in other ways, and of models trained with other seeds.

Nothing is decided by them: they show how much of the result hangs on a wording or on luck. Every
seed is asked under every arm, so that the two can be told apart (`across.py`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leitai.comparison.across import components
from leitai.comparison.compared import ALL, compare_task
from leitai.comparison.further import score_of
from leitai.comparison.material import Asked, Place, ask_under
from leitai.comparison.numbers import ends, rounded
from leitai.comparison.pairing import TaskScores, pair_name
from leitai.comparison.scoring import Scorer
from leitai.comparison.spec import ArmSpec, CompareSpec
from leitai.comparison.stages import Stages
from leitai.comparison.statistics.resampling import RESAMPLES
from leitai.evaluation import MEASURES, ItemRecord, read_records


class Variants:
    """All ways in which the primary task is asked, the deciding one included.

    Attributes:
        paths: the files of records by (seed, arm) and contender, the deciding pair first.
    """

    def __init__(self, spec: CompareSpec, place: Place, run: Path) -> None:
        """Load the items of every arm.

        Raises:
            LeitaiError: the data have no such wording.
        """
        self._spec = spec
        self._folder = run / "scores" / spec.primary
        self._task = next(task for task in spec.tasks if task.name == spec.primary)
        self._arms = spec.arms or (spec.main_arm,)
        self._asked = {arm.name: ask_under(self._task, arm, spec, place) for arm in self._arms}
        self.paths: dict[tuple[int, str], dict[str, Path]] = {
            (seed, arm.name): {} for seed in (spec.seed, *spec.seeds) for arm in self._arms
        }

    def ask(self, scorer: Scorer, stages: Stages, items: int) -> None:
        """Ask a contender, of whatever seed, all that was not asked for the verdict itself.

        Args:
            scorer: of the contender.
            stages: of the run.
            items: how many of the primary task were asked for the verdict.

        Raises:
            LeitaiError: it cannot be asked.
        """
        contender = scorer.contender
        for arm in self._arms:
            asked = self._asked[arm.name]
            part = Asked(asked.task, asked.items[:items], asked.labels)
            path = self._path(contender.key, contender.seed, arm)
            self.paths[contender.seed, arm.name][contender.key] = path
            variant = self._variant(contender.seed, arm)
            if variant:
                scorer.score(part, arm, path, stages, variant)

    def repeat(self, key: str, seed: int) -> None:
        """Let a contender that has no seed stand for itself under a further one."""
        for arm in self._arms:
            self.paths[seed, arm.name][key] = self.paths[self._spec.seed, arm.name][key]

    def parts(self) -> dict[str, Any]:
        """Return the "arms", "seeds" and "components" of `verdict.json`."""
        spec, main = self._spec, self._arms[0].name
        arms = [
            {"arm": arm, **self._compare(paths)}
            for (seed, arm), paths in self.paths.items()
            if seed == spec.seed and len(self._arms) > 1
        ]
        seeds = [
            {"seed": seed, **self._compare(paths)}
            for (seed, arm), paths in self.paths.items()
            if arm == main and spec.seeds
        ]
        table = {
            setting: {
                key: {record.id: record for record in read_records(path)}
                for key, path in paths.items()
            }
            for setting, paths in self.paths.items()
            if len(self.paths) > 1
        }
        return {
            "arms": arms,
            "seeds": seeds,
            "components": components(table, spec.verdict.alpha) if table else None,
        }

    def _variant(self, seed: int, arm: ArmSpec) -> str:
        """What tells this way from the deciding one; empty for that one itself."""
        names = [arm.name] if arm != self._arms[0] else []
        return "-".join(names + ([f"seed-{seed}"] if seed != self._spec.seed else []))

    def _path(self, key: str, seed: int, arm: ArmSpec) -> Path:
        folder = self._folder
        if arm != self._arms[0]:
            folder = folder / "arms" / arm.name
        if seed != self._spec.seed:
            folder = folder / "seeds" / f"seed-{seed}"
        return folder / f"{key}.jsonl"

    def _compare(self, paths: Mapping[str, Path]) -> dict[str, Any]:
        """Compare all contenders under one variant, over all its items."""
        spec, task = self._spec, self._task
        records: dict[str, list[ItemRecord]] = {
            key: read_records(path) for key, path in paths.items()
        }
        scores = TaskScores(
            task=task.name,
            metric=task.metric,
            higher_is_better=MEASURES[task.metric].higher_is_better,
            margin=spec.verdict.margin(task.metric),
            scores={key: [score_of(record) for record in found] for key, found in records.items()},
        )
        found = compare_task(scores, spec.verdict.alpha, RESAMPLES, spec.seed)[ALL]
        return {
            "n": found.n,
            "scores": found.scores,
            "pairs": {
                pair_name(*pair): {
                    "difference": {
                        "value": rounded(comparison.difference.value),
                        **ends(comparison.difference.interval),
                    }
                }
                for pair, comparison in found.pairs.items()
            },
        }
