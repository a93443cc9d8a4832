"""Objective, optimiser, schedule, early stopping and exact resume; scratch presets.

The specs are free of torch; what trains is loaded when first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from leitai.training.spec import AdaptSpec

if TYPE_CHECKING:
    from leitai.training.result import TrainResult
    from leitai.training.scratch import create_scratch
    from leitai.training.trainer import train

_HOMES = {"TrainResult": "result", "create_scratch": "scratch", "train": "trainer"}

__all__ = ["AdaptSpec", "TrainResult", "create_scratch", "train"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
