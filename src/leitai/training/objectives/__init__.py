"""What a run learns: rows to examples, examples to batches, batches to a loss.

The specs are free of torch; an objective itself is loaded when `make_objective` is called.
"""

from typing import TYPE_CHECKING, Any

from leitai.training.objectives.specs import (
    DPO,
    KTO,
    ORPO,
    Classification,
    Contrastive,
    Instruction,
    Masked,
    ObjectiveSpec,
    Pretraining,
    SimPO,
)

if TYPE_CHECKING:
    from leitai.training.objectives.interface import Objective
    from leitai.training.spec import AdaptSpec

__all__ = [
    "DPO",
    "KTO",
    "ORPO",
    "Classification",
    "Contrastive",
    "Instruction",
    "Masked",
    "ObjectiveSpec",
    "Pretraining",
    "SimPO",
    "make_objective",
]


def make_objective(spec: "AdaptSpec") -> "Objective[Any, Any]":
    """Make the objective that `spec.objective` names."""
    from leitai.training.objectives.table import OBJECTIVES

    return OBJECTIVES[spec.objective.name](spec)
