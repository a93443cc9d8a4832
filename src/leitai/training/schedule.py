"""The learning rate over a run."""

import math
from collections.abc import Callable, Mapping

SHAPES: Mapping[str, Callable[[float], float]] = {
    "cosine": lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)),
    "linear": lambda progress: 1.0 - progress,
    "constant": lambda progress: 1.0,
}
"""What is left of the peak after a fraction of the steps behind the warm-up."""


def rate_factor(step: int, total: int, warmup: float, schedule: str) -> float:
    """Return the fraction of the peak rate to use for a step.

    Args:
        step: counted from 0. During the warm-up the first step already moves: (step + 1) / n.
        total: steps in the run.
        warmup: fraction of `total` in which the rate rises.
        schedule: a key of `SHAPES`; cosine is Loshchilov and Hutter's (arXiv 1608.03983) without
            restarts.
    """
    rising = math.ceil(warmup * total)
    if step < rising:
        return (step + 1) / rising
    return SHAPES[schedule]((step - rising) / max(1, total - rising))
