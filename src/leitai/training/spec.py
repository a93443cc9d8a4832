"""How to train, as it stands in a spec. Free of torch."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from leitai.adapters.method import LoRA, Method
from leitai.training.objectives.specs import Instruction, ObjectiveSpec

LEARNING_RATES = {
    **{"full": 2e-5, "freeze": 5e-5},
    **{"lora": 2e-4, "dora": 2e-4, "adalora": 1e-3, "ia3": 3e-3},
}
"""Usual rates for fine-tuning; a model from random weights wants some 100 times that of `full`."""


def _usual_rate(data: dict[str, Any]) -> float:
    return LEARNING_RATES[data["method"].name] if "method" in data else LEARNING_RATES["lora"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AdamW(_Part):
    """AdamW (arXiv 1711.05101) for everything that is trained."""

    name: Literal["adamw"] = "adamw"


class Muon(_Part):
    """torch's Muon for the matrices of the blocks, AdamW for the rest.

    Updates are scaled to AdamW's size (Liu et al., arXiv 2502.16982), so rates and decay that suit
    AdamW suit it too.
    """

    name: Literal["muon"] = "muon"
    momentum: float = Field(default=0.95, ge=0, lt=1, description="of the gradients' average")


Optimizer = Annotated[AdamW | Muon, Field(discriminator="name")]


class WSD(_Part):
    """Warm-up, stable, decay (Hu et al., arXiv 2404.06395): the rate falls only at the end."""

    name: Literal["wsd"] = "wsd"
    decay: float = Field(
        default=0.2, gt=0, le=1, description="fraction of the steps in which the rate falls"
    )
    shape: Literal["linear", "cosine", "sqrt"] = Field(
        default="linear", description="how it falls; sqrt is 1 - sqrt (arXiv 2405.18392)"
    )


Schedule = Annotated[
    Annotated[Literal["cosine", "linear", "constant"], Tag("name")] | Annotated[WSD, Tag("wsd")],
    Discriminator(lambda value: "wsd" if isinstance(value, dict | WSD) else "name"),
]


class ValidationSpec(_Part):
    """What decides which weights are the best, and so when to stop early."""

    metric: Literal["loss", "accuracy", "exact_match", "chrf"] = Field(
        default="loss",
        description="accuracy: the likeliest of the labels; exact_match and chrf: of the answers "
        "that the model writes",
    )
    rows: int | None = Field(
        default=None, ge=1, description="ask only so many validation rows; the loss takes all"
    )
    max_characters: int = Field(
        default=200, ge=1, le=20_000, description="longest answer that is written"
    )


class AdaptSpec(BaseModel):
    """What is trained, on how much, and when it ends.

    One *step* is one update of the weights, from `batch_rows * accumulation` rows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Method = Field(
        default=LoRA(), description="what is trained: full, freeze, lora, dora, adalora or ia3"
    )
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
    activation_checkpointing: Literal["auto"] | bool = Field(
        default="auto",
        description="keep each block's input alone and compute the block again on the way back: "
        "less memory, about a quarter more time, the same result; auto: if the memory would not do",
    )
    accumulation: int = Field(
        default=1, ge=1, description="batches to a step; changes memory, not the result"
    )
    learning_rate: float = Field(
        default_factory=_usual_rate, gt=0, le=10, description="peak; the default suits the method"
    )
    optimizer: Optimizer = Field(default=AdamW(), description="adamw or muon")
    layer_decay: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="factor on the rate for each block further down from the top",
    )
    schedule: Schedule = Field(
        default="cosine",
        description="how the rate goes from its peak to 0 (constant: stays), or {name: wsd, ...}",
    )
    warmup: float = Field(
        default=0.05, ge=0, lt=1, description="fraction of the steps in which the rate rises"
    )
    weight_decay: float = Field(
        default=0.01, ge=0, le=1, description="decoupled, on matrices alone"
    )
    betas: tuple[float, float] = Field(default=(0.9, 0.999), description="AdamW's averages")
    clip: float | None = Field(default=1.0, gt=0, description="largest norm of the gradient")
    ema: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="keep a moving average of the weights with this decay, validate and keep it",
    )
    validation: ValidationSpec = ValidationSpec()
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
    label_smoothing: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of each target's probability that is spread over the vocabulary",
    )
    embedding_noise: float = Field(
        default=0.0, ge=0, le=1000, description="NEFTune's alpha (arXiv 2310.05914), 5 to 15 there"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "AdaptSpec":
        if self.objective.name != "instruction" and (self.noise or self.prompt_weight):
            raise ValueError("noise and prompt_weight go with objective.name instruction")
        if self.objective.name not in ("instruction", "pretraining") and (
            self.label_smoothing or self.embedding_noise
        ):
            raise ValueError(
                "label_smoothing and embedding_noise go with objective.name instruction or "
                "pretraining (dpo has a label_smoothing of its own)"
            )
        if isinstance(self.schedule, WSD) and self.warmup + self.schedule.decay > 1:
            raise ValueError(
                f"warmup ({self.warmup}) and schedule.decay ({self.schedule.decay}) are more than "
                "the whole run"
            )
        return self
