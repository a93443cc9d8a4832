"""Successive halving (Jamieson and Talwalkar, arXiv 1502.07943), every trial a training run.

    contenders/A/search/trial-03/rung-0/    a run folder of `train`; so a killed search goes on
    contenders/A/search.json                every trial with its scores, and the one chosen

A rung trains its trials anew, with a schedule that fits the rung's budget, so that each score is
that of a finished run; the last rung has the whole budget, and its best run is the result.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leitai.base.errors import LeitaiError
from leitai.base.files import read_json, write_json
from leitai.comparison.search.draws import Trial, at_rung, draw, survivors
from leitai.comparison.search.spec import SearchSpec
from leitai.comparison.stages import Stages
from leitai.training.spec import AdaptSpec

if TYPE_CHECKING:
    from leitai.training.result import TrainResult

SEARCH_FILE = "search.json"
_FAILED = "diverged.json"
_RESULT = "result.json"

TrainAt = Callable[[AdaptSpec, Path, str], "TrainResult"]
"""Trains with a spec, in a run folder, under a title for the progress bar."""


@dataclass
class Outcome:
    """A trial and how it fared.

    Attributes:
        trial: its setting.
        scores: the validation score at each rung it reached; None where its numbers diverged.
        steps: updates at each rung.
    """

    trial: Trial
    scores: list[float | None] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)


def find_settings(
    key: str,
    adapt: AdaptSpec,
    search: SearchSpec,
    seed: int,
    rows: int,
    folder: Path,
    inputs: Mapping[str, Any],
    train_at: TrainAt,
    stages: Stages,
) -> tuple[AdaptSpec, Path]:
    """Search a contender's settings, or find them searched.

    Args:
        key: "A" to "H".
        adapt: the budget and all that is not searched.
        search: what is.
        seed: of the draws.
        rows: to train on.
        folder: the contender's.
        inputs: all else that a training run depends on.
        train_at: trains.
        stages: remembers what is done.

    Returns:
        The best settings, and the run folder that trained with them.

    Raises:
        LeitaiError: every trial diverged; what `train` raises but for divergence.
    """
    report, trials = folder / SEARCH_FILE, folder / "search"
    window = adapt.batch_rows * adapt.accumulation
    stages.run(
        f"search-{key}",
        {**inputs, "search": search.model_dump(mode="json")},
        [report],
        lambda: write_json(
            report, _search(adapt, search, seed, -(-rows // window), trials, train_at)
        ),
        scratch=[trials],
    )
    best = read_json(report)["best"]
    trial = next(trial for trial in draw(search, seed) if trial.number == best)
    return trial.apply(adapt), _folder(trials, trial, search.rungs - 1)


def take_over(winner: Path, run: Path) -> None:
    """Move the winner's finished run to where the contender's is looked for.

    The result goes last, so a move that is cut short leaves a folder that is trained anew.
    """
    if (run / _RESULT).exists() or not any((winner / n).is_dir() for n in ("model", "adapter")):
        return
    run.mkdir(parents=True, exist_ok=True)
    for path in sorted(winner.iterdir(), key=lambda path: path.name == _RESULT):
        if path.is_dir():
            shutil.rmtree(run / path.name, ignore_errors=True)
            shutil.move(path, run / path.name)
        elif path.name != ".lock":
            shutil.copy2(path, run / path.name)


def _folder(trials: Path, trial: Trial, rung: int) -> Path:
    return trials / f"trial-{trial.number:02d}" / f"rung-{rung}"


def _search(
    adapt: AdaptSpec,
    search: SearchSpec,
    seed: int,
    steps_per_epoch: int,
    folder: Path,
    train_at: TrainAt,
) -> dict[str, Any]:
    higher = adapt.validation.metric != "loss"
    outcomes = [Outcome(trial) for trial in draw(search, seed)]
    running = outcomes
    for rung in range(search.rungs):
        last = rung == search.rungs - 1
        for outcome in running:
            spec = at_rung(outcome.trial.apply(adapt), search, rung, steps_per_epoch)
            place = _folder(folder, outcome.trial, rung)
            title = f"trial {outcome.trial.number} of {search.trials}, rung {rung + 1}"
            score, steps = _run(spec, place, title, train_at)
            outcome.scores.append(score)
            outcome.steps.append(steps)
            for other in running:
                if not last or other is not _ranked(running, rung, higher)[0]:
                    _drop_weights(_folder(folder, other.trial, rung))
        running = _ranked(running, rung, higher)[: survivors(search, rung + 1)]
        if not running or running[0].scores[rung] is None:
            raise LeitaiError(
                f"all {search.trials} trials diverged",
                where=folder,
                remedy="lower search.learning_rate",
            )
    return {
        "metric": adapt.validation.metric,
        "higher_is_better": higher,
        "best": running[0].trial.number,
        "trials": [
            asdict(outcome.trial) | {"scores": outcome.scores, "steps": outcome.steps}
            for outcome in outcomes
        ],
    }


def _ranked(outcomes: Sequence[Outcome], rung: int, higher: bool) -> list[Outcome]:
    """Best first, those that diverged last, the lower number first where scores are equal."""

    def place(outcome: Outcome) -> tuple[bool, float, int]:
        score = outcome.scores[rung] if len(outcome.scores) > rung else None
        value = 0.0 if score is None else (-score if higher else score)
        return score is None, value, outcome.trial.number

    return sorted(outcomes, key=place)


def _run(spec: AdaptSpec, folder: Path, title: str, train_at: TrainAt) -> tuple[float | None, int]:
    """Train, or find trained; return the score and the steps, no score when it diverged."""
    from leitai.training.failure import DivergedError
    from leitai.training.result import read_result

    if (folder / _FAILED).exists():
        return None, int(read_json(folder / _FAILED)["steps"])
    found = read_result(folder)
    try:
        result = found[1] if found is not None else train_at(spec, folder, title)
    except DivergedError as error:
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        write_json(folder / _FAILED, {"steps": 0, "what": error.what})
        return None, 0
    score = result.best_loss if result.best_score is None else result.best_score
    assert score is not None  # a search needs validation rows
    return score, result.steps


def _drop_weights(folder: Path) -> None:
    """Remove the weights of a run that will not be used; its curves and result stay."""
    for name in ("model", "adapter"):
        shutil.rmtree(folder / name, ignore_errors=True)
