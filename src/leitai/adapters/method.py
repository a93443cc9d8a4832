"""The ways to adapt a model, as they stand in a spec. Free of torch."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

ALL_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""The linear layers of a block, attention first; the same names in both families."""


class _Method(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Full(_Method):
    """Train every weight."""

    name: Literal["full"] = "full"


class Freeze(_Method):
    """Train the top blocks and the final norm, or the parameters of certain names.

    With `top_blocks` alone, the embedding and the output head stay frozen too: a tied head is the
    embedding, so training it would change what every frozen block reads.
    """

    name: Literal["freeze"] = "freeze"
    top_blocks: int | None = Field(
        default=None, ge=1, description="how many blocks to train, counted from the top"
    )
    names: tuple[str, ...] = Field(
        default=(),
        description="patterns over full names of parameters to train, such as "
        "model.layers.*.self_attn.v_proj.* or model.layers.*_layernorm.weight",
    )

    @model_validator(mode="after")
    def _chooses_something(self) -> Self:
        if self.top_blocks is None and not self.names:
            raise ValueError("give top_blocks, names, or both")
        return self


class LinearAdapter(_Method):
    """What methods that put something beside linear layers of the blocks have in common."""

    targets: tuple[str, ...] = Field(
        default=ALL_LINEAR,
        min_length=1,
        description="linear layers of the blocks: last names such as q_proj, or patterns over full "
        "names such as model.layers.1?.self_attn.*",
    )

    @property
    def inner(self) -> int:
        """Inner size of the update's products; 0 if there are none."""
        return 0


class LowRank(LinearAdapter):
    """What methods that add a product of two thin matrices have in common."""

    rank: int = Field(default=16, ge=1, le=4096, description="inner size of B A")
    alpha: float = Field(default=32.0, gt=0, description="scaling is alpha / rank")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout on the input of A")
    rank_stabilized: bool = Field(
        default=False, description="scaling is alpha / sqrt(rank) (arXiv 2312.03732)"
    )

    @property
    def inner(self) -> int:
        """The rank."""
        return self.rank

    @property
    def scaling(self) -> float:
        """The factor on B A."""
        return self.alpha / (self.rank**0.5 if self.rank_stabilized else self.rank)


class LoRA(LowRank):
    """Low-rank adaptation (Hu et al., arXiv 2106.09685): W + scaling * B A with W frozen."""

    name: Literal["lora"] = "lora"


class DoRA(LowRank):
    """LoRA on the rows' directions, with trained lengths (Liu et al., arXiv 2402.09353)."""

    name: Literal["dora"] = "dora"


class AdaLoRA(LinearAdapter):
    """Low-rank adaptation that takes ranks from where they matter least (arXiv 2303.10512).

    Every layer starts with `rank`; after a warm-up the number of ranks of all layers together falls
    along a cubic curve to `target_rank` a layer on average, then stays for the last steps.
    """

    name: Literal["adalora"] = "adalora"
    rank: int = Field(default=12, ge=1, le=4096, description="each layer's rank at the start")
    target_rank: int = Field(default=8, ge=1, le=4096, description="average rank at the end")
    alpha: float = Field(default=32.0, gt=0, description="scaling is alpha / rank")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout on the adapter's input")
    warmup: float = Field(
        default=0.1, ge=0, lt=1, description="fraction of the steps before ranks are taken away"
    )
    settle: float = Field(
        default=0.3,
        ge=0,
        lt=1,
        description="fraction of the steps, the last ones, with ranks fixed",
    )
    every: int = Field(default=1, ge=1, description="steps between two allocations of ranks")
    beta1: float = Field(default=0.85, gt=0, lt=1, description="smoothing of the sensitivity")
    beta2: float = Field(default=0.85, gt=0, lt=1, description="smoothing of its uncertainty")
    orthogonality: float = Field(
        default=0.5, ge=0, description="weight of the term that keeps both factors orthogonal"
    )

    @property
    def inner(self) -> int:
        """The rank at the start."""
        return self.rank

    @model_validator(mode="after")
    def _leaves_time(self) -> Self:
        if self.warmup + self.settle >= 1:
            raise ValueError("warmup and settle together must leave steps in which ranks fall")
        if self.target_rank > self.rank:
            raise ValueError("target_rank must not be larger than rank")
        return self


class IA3(LinearAdapter):
    """Trained factors on keys, values and inner activations (Liu et al., arXiv 2205.05638)."""

    name: Literal["ia3"] = "ia3"
    targets: tuple[str, ...] = Field(
        default=("k_proj", "v_proj", "down_proj"),
        min_length=1,
        description="linear layers of the blocks whose output, or input, is scaled",
    )
    feedforward: tuple[str, ...] = Field(
        default=("down_proj",), description="those of the targets whose input is scaled"
    )


AnyMethod = Full | Freeze | LoRA | DoRA | AdaLoRA | IA3

Method = Annotated[AnyMethod, Field(discriminator="name")]
"""The same, told apart by their name in a spec."""
