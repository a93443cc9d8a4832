"""A contender trained under the duel's budget."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leitai.base.errors import LeitaiError
from leitai.comparison.contender import Contender
from leitai.comparison.search import find_settings, take_over
from leitai.comparison.spec import CompareSpec
from leitai.comparison.stages import Stages
from leitai.data import Row, data_hash
from leitai.training.spec import AdaptSpec

if TYPE_CHECKING:
    from leitai.training.result import TrainResult


def adapt(
    contender: Contender,
    spec: CompareSpec,
    train_rows: Sequence[Row],
    valid_rows: Sequence[Row],
    stages: Stages,
    found: AdaptSpec | None = None,
) -> None:
    """Train the contender under the spec's budget, or find it trained; sets what is asked.

    A contender that runs elsewhere stays as it is.

    Args:
        contender: a checkpoint.
        spec: the duel.
        train_rows: what is learnt from.
        valid_rows: what early stopping and the search look at.
        stages: of the run.
        found: the settings of a search that was made for another seed; None to search.

    Raises:
        LeitaiError: the contender has an adapter, or training fails.
    """
    budget, base = found or spec.adapt, contender.base
    if budget is None or base is None:
        return
    from leitai.adapters import leaves_adapter
    from leitai.evaluation.validation import METRICS
    from leitai.training import train

    if contender.adapter is not None:
        raise LeitaiError(
            "an adapter cannot be trained on top of another one here",
            where=f"contender {contender.key}",
            remedy="merge it first, or leave `adapt` out",
        )
    run = contender.folder / "run"
    name = "adapter" if leaves_adapter(budget.method) else "model"
    inputs = {
        "base": contender.state,
        "adapt": budget.model_dump(mode="json"),
        "train": data_hash(train_rows),
        "validation": data_hash(valid_rows),
        "seed": contender.seed,
        "thinking": contender.spec.thinking,
        "date": spec.prompting.date,
        "runtime": spec.runtime.model_dump(mode="json"),
    }

    def train_at(settings: AdaptSpec, folder: Path, title: str = "") -> "TrainResult":
        return train(
            base,
            train_rows,
            valid_rows,
            settings,
            folder,
            seed=contender.seed,
            title=" ".join([contender.name, contender.spec.title, title]).strip(),
            date=spec.prompting.date,
            thinking=contender.spec.thinking,
            device=spec.runtime.device,
            dtype=spec.runtime.dtype,
            metrics=METRICS,
            track=spec.track,
        )

    winner = None
    if spec.search is not None and found is None:
        budget, winner = find_settings(
            contender.key,
            budget,
            spec.search,
            spec.seed,
            len(train_rows),
            contender.folder,
            inputs,
            train_at,
            stages,
        )
        inputs["adapt"] = budget.model_dump(mode="json")

    def work() -> None:
        if winner is not None:
            take_over(winner, run)
        train_at(budget, run)

    contender.settings = budget
    contender.state = stages.run(
        f"adapt-{contender.name}",
        inputs,
        [run / name, run / "metrics.jsonl", run / "result.json"],
        work,
        scratch=[run],
    )
    if name == "model":
        contender.model = run / name
    else:
        contender.adapter = run / name
