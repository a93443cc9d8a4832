"""How to train, as it stands in a spec. Free of torch."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from leitai.adapters.method import LoRA, Method
from leitai.training.objectives.specs import Instruction, ObjectiveSpec

LEARNING_RATES = {"full": 2e-5, "freeze": 5e-5, "lora": 2e-4}
"""Usual rates for fine-tuning; a model from random weights wants some 100 times that of `full`."""


def _usual_rate(data: dict[str, Any]) -> float:
    return LEARNING_RATES[data["method"].name] if "method" in data else LEARNING_RATES["lora"]


class AdaptSpec(BaseModel):
    """What is trained, on how much, and when it ends.

    One *step* is one update of the weights, from `batch_rows * accumulation` rows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Method = Field(default=LoRA(), description="full, freeze or lora")
    objective: ObjectiveSpec = Field(default=Instruction(), description="what is learnt")
    epochs: int = Field(default=3, ge=1, description="passes over the training rows")
    max_steps: int | None = Field(
        default=None, ge=1, description="end after so many steps even if epochs remain"
    )
    batch_rows: int = Field(default=16, ge=1, description="rows computed at once")
    batch_tokens: int = Field(
        default=8192,
        ge=1,
        description="unique tokens computed at once; a batch with more is parted, which changes "
        "memory, not the result",
    )
    accumulation: int = Field(
        default=1, ge=1, description="batches to a step; changes memory, not the result"
    )
    learning_rate: float = Field(
        default_factory=_usual_rate, gt=0, le=10, description="peak; the default suits the method"
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(
        default="cosine", description="how the rate goes from its peak to 0 (constant: stays)"
    )
    warmup: float = Field(
        default=0.05, ge=0, lt=1, description="fraction of the steps in which the rate rises"
    )
    weight_decay: float = Field(
        default=0.01, ge=0, le=1, description="decoupled, on matrices alone"
    )
    betas: tuple[float, float] = Field(default=(0.9, 0.999), description="AdamW's averages")
    clip: float | None = Field(default=1.0, gt=0, description="largest norm of the gradient")
    patience: int | None = Field(
        default=3, ge=1, description="evaluations without a better one before stopping early"
    )
    evaluate_every: int | None = Field(
        default=None, ge=1, description="steps between evaluations; default: once an epoch"
    )
    max_length: int = Field(default=1024, ge=2, description="longest row in tokens")
    turns: Literal["all", "last"] = Field(
        default="all", description="which of the assistant's turns are learnt"
    )
    prompt_weight: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="weight of the prompt's tokens in the loss; 1 is plain language modelling",
    )
    noise: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="probability of dropping or replacing a prompt token while training",
    )

    @model_validator(mode="after")
    def _consistent(self) -> "AdaptSpec":
        if self.objective.name != "instruction" and (self.noise or self.prompt_weight):
            raise ValueError("noise and prompt_weight go with objective.name instruction")
        return self
