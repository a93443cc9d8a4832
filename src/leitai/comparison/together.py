"""One task put to all contenders part by part, until its verdicts are safe."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from leitai.base.errors import LeitaiError
from leitai.base.files import write_json
from leitai.base.progress import progress
from leitai.comparison.material import Asked
from leitai.comparison.pairing import pair_name, pairs_of
from leitai.comparison.scoring import Scorer, write_cost
from leitai.comparison.spec import CompareSpec
from leitai.comparison.stages import Stages
from leitai.comparison.stopping import Watch, bounded, cluster_of
from leitai.evaluation import MEASURES, BaseTask, ItemRecord
from leitai.evaluation.evaluate import ask_part, finish, parts_of


def ask_together(
    scorers: Mapping[str, Scorer],
    spec: CompareSpec,
    asked: Asked,
    paths: Mapping[str, Path],
    looks: Path,
    stages: Stages,
) -> None:
    """Write the records of a task for all contenders, or find them written.

    All contenders are open at the same time.

    Args:
        scorers: by contender.
        spec: the duel.
        asked: the task.
        paths: the file of records of each contender.
        looks: what was seen at every look, as the task's "sequential" in `verdict.json`; null when
            the items' scores have no bound after all.
        stages: of the run.

    Raises:
        LeitaiError: a contender cannot do or be asked this.
    """
    task, arm = asked.task, spec.main_arm
    watch = _watch(spec, asked)
    first, every = spec.verdict.look_from, spec.verdict.look_every
    inputs = {
        "contenders": {key: scorer.inputs(asked, arm) for key, scorer in scorers.items()},
        "pairs": [pair_name(*pair) for pair in watch.pairs],
        "levels": [watch.margin, watch.alpha, watch.level, first, every],
        "looks": "of a pool" if watch.pool else "with inner intervals",
    }

    def work() -> None:
        records: dict[str, list[ItemRecord]] = {key: [] for key in scorers}
        seconds = dict.fromkeys(scorers, 0.0)
        with progress(task.name, len(asked.items)) as tick:
            start, stop, safe = 0, first, False
            while start < len(asked.items) and not safe:
                for key, scorer in scorers.items():
                    begun = time.perf_counter()
                    respondent = scorer.respondent(arm)
                    records[key] += ask_part(
                        task, asked.items, asked.labels, respondent, paths[key], start, stop
                    )
                    seconds[key] += time.perf_counter() - begun
                tick(min(stop, len(asked.items)))
                safe = _bounded(task, spec, records) and watch.look(records)
                start, stop = stop, stop + every
        for key, scorer in scorers.items():
            write_cost(scorer.contender, f"{task.name}-{key}", seconds[key], len(records[key]))
            finish(paths[key], records[key])
        write_json(looks, watch.as_json() if bounded(records) else None)

    outputs = [*paths.values(), looks]
    scratch = [parts_of(path) for path in paths.values()]
    stages.run(f"score-{task.name}", inputs, outputs, work, scratch=scratch)


def _bounded(
    task: BaseTask, spec: CompareSpec, records: Mapping[str, Sequence[ItemRecord]]
) -> bool:
    """Tell whether looks can tell anything; refuse where nothing else could."""
    found = bounded(records)
    if not found and spec.verdict.about == "these":
        raise LeitaiError(
            "`about: these` wants items that score from 0 to 1 and count the same",
            where=f"task {task.name}",
            remedy="leave `about` out of `verdict`",
        )
    return found


def _watch(spec: CompareSpec, asked: Asked) -> Watch:
    metric = asked.task.metric
    pairs = pairs_of([key for key, about in spec.keyed.items() if about.kind != "reference"])
    level = spec.verdict.alpha * spec.verdict.early_share
    return Watch(
        pairs=pairs,
        margin=spec.verdict.margin(metric),
        higher_is_better=MEASURES[metric].higher_is_better,
        alpha=level / (len(pairs) * len(spec.tasks)),
        level=level,
        clusters=[cluster_of(row) for row in asked.items],
        pool=spec.verdict.about == "these",
    )
