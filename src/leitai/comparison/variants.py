"""The primary task asked in other ways, and of models trained with other seeds.

Nothing is decided by them: they show how much of the result hangs on a wording or on luck.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leitai.comparison.compared import ALL, compare_task
from leitai.comparison.further import score_of
from leitai.comparison.material import Asked, Place, ask_under
from leitai.comparison.numbers import ends, rounded
from leitai.comparison.pairing import TaskScores, pair_name
from leitai.comparison.scoring import Scorer
from leitai.comparison.spec import CompareSpec
from leitai.comparison.stages import Stages
from leitai.comparison.statistics.resampling import RESAMPLES
from leitai.evaluation import MEASURES, read_records


def arm_tasks(spec: CompareSpec, place: Place) -> dict[str, Asked]:
    """Load the primary task in the wording of every arm but the first, by the arm's name.

    Raises:
        LeitaiError: the data have no such wording.
    """
    task = next(task for task in spec.tasks if task.name == spec.primary)
    return {arm.name: ask_under(task, arm, spec.seed, place) for arm in spec.arms[1:]}


def ask_arms(
    scorer: Scorer, spec: CompareSpec, asked: Mapping[str, Asked], run: Path, stages: Stages
) -> dict[str, Path]:
    """Ask a contender the primary task under every arm but the first; returns files by arm."""
    folder, key = run / "scores" / spec.primary / "arms", scorer.contender.key
    return {
        arm.name: scorer.score(
            asked[arm.name], arm, folder / arm.name / f"{key}.jsonl", stages, arm.name
        )
        for arm in spec.arms[1:]
    }


def ask_seed(scorer: Scorer, spec: CompareSpec, asked: Asked, run: Path, stages: Stages) -> Path:
    """Ask a contender of a further seed the primary task; returns the file."""
    key, variant = scorer.contender.key, f"seed-{scorer.contender.seed}"
    path = run / "scores" / spec.primary / "seeds" / variant / f"{key}.jsonl"
    return scorer.score(asked, spec.main_arm, path, stages, variant)


def sensitivity(spec: CompareSpec, paths: Mapping[str, Path]) -> dict[str, Any]:
    """Compare all contenders under one variant, over all items of the primary task.

    Args:
        spec: the duel.
        paths: the files of records by contender.
    """
    task = next(task for task in spec.tasks if task.name == spec.primary)
    records = {key: read_records(path) for key, path in paths.items()}
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
