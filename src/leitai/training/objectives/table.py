"""The name of an objective to its implementation."""

from collections.abc import Mapping
from typing import Any

from leitai.training.objectives.classification import Classification
from leitai.training.objectives.contrastive import Contrastive
from leitai.training.objectives.instruction import InstructionTuning
from leitai.training.objectives.interface import Objective
from leitai.training.objectives.kto import Votes
from leitai.training.objectives.masked import MaskedPrediction
from leitai.training.objectives.preference import (
    DirectPreference,
    OddsRatioPreference,
    SimplePreference,
)
from leitai.training.objectives.pretraining import Pretraining

OBJECTIVES: Mapping[str, type[Objective[Any, Any]]] = {
    "instruction": InstructionTuning,
    "dpo": DirectPreference,
    "orpo": OddsRatioPreference,
    "simpo": SimplePreference,
    "kto": Votes,
    "pretraining": Pretraining,
    "classification": Classification,
    "masked": MaskedPrediction,
    "contrastive": Contrastive,
}
