"""Settings drawn from one seed: both contenders try the same ones."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from leitai.comparison.search.spec import SearchSpec
from leitai.training.spec import AdaptSpec

_STREAM = 0x5EA6C4  # parts these random numbers from all others of the seed


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting; None where the spec's own value stays.

    Attributes:
        number: counted from 1.
        learning_rate: the peak.
        rank: of the method.
        epochs: passes over the rows.
    """

    number: int
    learning_rate: float | None
    rank: int | None
    epochs: int | None

    def apply(self, adapt: AdaptSpec) -> AdaptSpec:
        """Return the spec with this setting in it.

        Raises:
            ValueError: a value is not allowed there.
        """
        values: dict[str, Any] = adapt.model_dump()
        if self.learning_rate is not None:
            values["learning_rate"] = self.learning_rate
        if self.epochs is not None:
            values["epochs"] = self.epochs
        if self.rank is not None:
            values["method"] = {**values["method"], "rank": self.rank}
        return AdaptSpec.model_validate(values)


def draw(search: SearchSpec, seed: int) -> list[Trial]:
    """Draw the trials; they depend on the ranges and the seed alone.

    Each trial uses three numbers whether its ranges are there or not, so adding a range leaves the
    others' draws as they were. Random points cover each range better than a grid of as many
    (Bergstra and Bengio, JMLR 13, 2012).
    """
    numbers = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, _STREAM])))
    trials = []
    for number in range(1, search.trials + 1):
        rate, rank, epochs = numbers.random(3).tolist()
        trials.append(
            Trial(
                number,
                None if search.learning_rate is None else _log_uniform(rate, *search.learning_rate),
                None if search.rank is None else search.rank[int(rank * len(search.rank))],
                None if search.epochs is None else search.epochs[int(epochs * len(search.epochs))],
            )
        )
    return trials


def _log_uniform(share: float, low: float, high: float) -> float:
    value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    return min(high, max(low, float(f"{value:.4g}")))  # four digits, as a person would write it


def at_rung(adapt: AdaptSpec, search: SearchSpec, rung: int, steps_per_epoch: int) -> AdaptSpec:
    """Return the spec with a rung's share of the budget; the last rung has all of it.

    Args:
        adapt: a trial's whole budget.
        search: gives `rungs`, `eta` and `by`.
        rung: counted from 0.
        steps_per_epoch: of the training rows.
    """
    parts = search.eta ** (search.rungs - 1 - rung)
    if parts == 1:
        return adapt
    if search.by == "epochs":
        return adapt.model_copy(update={"epochs": math.ceil(adapt.epochs / parts)})
    steps = adapt.epochs * steps_per_epoch
    steps = steps if adapt.max_steps is None else min(steps, adapt.max_steps)
    return adapt.model_copy(update={"max_steps": math.ceil(steps / parts)})


def survivors(search: SearchSpec, rung: int) -> int:
    """Return how many trials run at a rung, counted from 0."""
    kept_of = int(search.eta**rung)
    return max(1, search.trials // kept_of)


def steps_in_all(adapt: AdaptSpec, search: SearchSpec, seed: int, steps_per_epoch: int) -> int:
    """Estimate the steps of a whole search: at each rung, those of the first drawn trials."""
    trials = [trial.apply(adapt) for trial in draw(search, seed)]
    specs = [
        at_rung(trial, search, rung, steps_per_epoch)
        for rung in range(search.rungs)
        for trial in trials[: survivors(search, rung)]
    ]
    return sum(min(s.epochs * steps_per_epoch, s.max_steps or 1 << 62) for s in specs)
