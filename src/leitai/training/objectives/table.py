"""The name of an objective to its implementation."""

from collections.abc import Mapping
from typing import Any

from leitai.training.objectives.instruction import InstructionTuning
from leitai.training.objectives.interface import Objective

OBJECTIVES: Mapping[str, type[Objective[Any, Any]]] = {"instruction": InstructionTuning}
