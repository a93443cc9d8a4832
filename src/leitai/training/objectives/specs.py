"""The objectives as they stand in a spec. Free of torch."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Objective(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Instruction(_Objective):
    """Imitate the assistant's answers: cross-entropy at their tokens."""

    name: Literal["instruction"] = "instruction"


class DPO(_Objective):
    """Direct preference optimisation (Rafailov et al., arXiv 2305.18290)."""

    name: Literal["dpo"] = "dpo"
    beta: float = Field(default=0.1, gt=0, description="how dear it is to leave the reference")
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=0.5, description="probability that a pair is the wrong way round"
    )


class ORPO(_Objective):
    """Odds ratio preference optimisation (Hong et al., arXiv 2403.07691); needs no reference."""

    name: Literal["orpo"] = "orpo"
    weight: float = Field(default=0.1, gt=0, description="of the odds ratio beside imitation")


class SimPO(_Objective):
    """Simple preference optimisation (Meng et al., arXiv 2405.14734); needs no reference."""

    name: Literal["simpo"] = "simpo"
    beta: float = Field(default=2.0, gt=0, description="scale of the mean log-probability")
    gamma: float = Field(default=1.0, ge=0, description="margin to be reached")


class KTO(_Objective):
    """Kahneman-Tversky optimisation (Ethayarajh et al., arXiv 2402.01306), on single votes."""

    name: Literal["kto"] = "kto"
    beta: float = Field(default=0.1, gt=0, description="how dear it is to leave the reference")
    desirable_weight: float = Field(default=1.0, gt=0, description="of answers to give")
    undesirable_weight: float = Field(default=1.0, gt=0, description="of answers to avoid")


class Pretraining(_Objective):
    """Predict every next token of plain text, in blocks of `max_length` tokens."""

    name: Literal["pretraining"] = "pretraining"


class Classification(_Objective):
    """Tell the rows' labels apart by a head of its own, from the last token's hidden state."""

    name: Literal["classification"] = "classification"


class Masked(_Objective):
    """Masked next-token prediction in both directions (LLM2Vec, arXiv 2404.05961)."""

    name: Literal["masked"] = "masked"
    probability: float = Field(default=0.2, gt=0, lt=1, description="of masking a token")
    mask: str = Field(default="_", min_length=1, description="text of the mask, one token")


class Contrastive(_Objective):
    """Embeddings of a text, or of two that belong together, close to each other (SimCSE)."""

    name: Literal["contrastive"] = "contrastive"
    pairs: bool = Field(
        default=False, description="question and last message are a pair; else a text and itself"
    )
    temperature: float = Field(default=0.05, gt=0, description="of the cosines")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="on the embeddings")
    bidirectional: bool = Field(default=True, description="whether tokens see what follows them")


ObjectiveSpec = Annotated[
    Instruction | DPO | ORPO | SimPO | KTO | Pretraining | Classification | Masked | Contrastive,
    Field(discriminator="name"),
]
