"""The learning rate over a run."""

import math
from collections.abc import Callable, Mapping

from leitai.training.spec import WSD

SHAPES: Mapping[str, Callable[[float], float]] = {
    "cosine": lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)),
    "linear": lambda progress: 1.0 - progress,
    "constant": lambda progress: 1.0,
    "sqrt": lambda progress: 1.0 - math.sqrt(progress),
}
"""What is left of the peak after a fraction of the steps in which it falls."""


def rate_factor(step: int, total: int, warmup: float, schedule: str | WSD) -> float:
    """Return the fraction of the peak rate to use for a step.

    Args:
        step: counted from 0. During the warm-up the first step already moves: (step + 1) / n.
        total: steps in the run.
        warmup: fraction of `total` in which the rate rises.
        schedule: a key of `SHAPES`, which fills what the warm-up leaves; cosine is Loshchilov and
            Hutter's (arXiv 1608.03983) without restarts. Or warm-up, stable, decay
            (arXiv 2404.06395).
    """
    rising = math.ceil(warmup * total)
    if step < rising:
        return (step + 1) / rising
    if isinstance(schedule, str):
        return SHAPES[schedule]((step - rising) / max(1, total - rising))
    falling = min(math.ceil(schedule.decay * total), total - rising)
    fallen = max(0, step - (total - falling))
    return SHAPES[schedule.shape](fallen / max(1, falling))
