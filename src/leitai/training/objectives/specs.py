"""The objectives as they stand in a spec. Free of torch."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Objective(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Instruction(_Objective):
    """Imitate the assistant's answers: cross-entropy at their tokens."""

    name: Literal["instruction"] = "instruction"


ObjectiveSpec = Annotated[Instruction, Field(discriminator="name")]
