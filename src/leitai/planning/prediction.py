"""A plan against what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leitai.planning.plan import Plan
from leitai.planning.words import duration, gigabytes


@dataclass(frozen=True, slots=True)
class PredictionError:
    """Planned and actual time and memory.

    Attributes:
        planned_seconds: for the part of the work that was done.
        seconds: that it took.
        planned_bytes: at the peak.
        peak_bytes: as measured.
    """

    planned_seconds: float
    seconds: float
    planned_bytes: int
    peak_bytes: int

    @property
    def time_error(self) -> float:
        """How far the actual time was from the plan: 0.1 is 10 % longer."""
        return self.seconds / self.planned_seconds - 1

    @property
    def memory_error(self) -> float:
        """How far the actual memory was from the plan: 0.1 is 10 % more."""
        return self.peak_bytes / self.planned_bytes - 1

    def __str__(self) -> str:
        return (
            f"planned {duration(self.planned_seconds)} and {gigabytes(self.planned_bytes)}, took "
            f"{duration(self.seconds)} ({100 * self.time_error:+.0f} %) "
            f"and {gigabytes(self.peak_bytes)} ({100 * self.memory_error:+.0f} %)"
        )


def prediction_error(
    plan: Plan, cost: Mapping[str, Any], *, steps: int | None = None
) -> PredictionError:
    """Compare a plan with the cost of the run.

    Args:
        plan: what was planned.
        cost: the run's `cost.json`: "seconds" and "peak_bytes".
        steps: steps that were done, where a run may end early; None: all.
    """
    share = 1.0 if steps is None else min(1.0, steps / plan.steps)
    return PredictionError(
        planned_seconds=max(plan.seconds * share, 1e-9),
        seconds=float(cost["seconds"]),
        planned_bytes=plan.peak_bytes,
        peak_bytes=int(cost["peak_bytes"]),
    )
