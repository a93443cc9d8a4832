"""What models of known shape need, on any machine: numbers, operations and bytes.

`plan.py` forecasts one task on one machine; this is the table to choose a size by. Both use the
same closed forms (`adapters/cost.py`, `planning/memory.py`, `training/memory.py`).
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from leitai.adapters import cost
from leitai.adapters.method import Full, LoRA
from leitai.base import LeitaiError
from leitai.inference.scheduler import CHUNK
from leitai.models.config import ModelConfig
from leitai.models.presets import parameter_count
from leitai.planning.memory import serving_memory
from leitai.planning.mixtures import Mixture
from leitai.training.memory import StepSize, step_memory

_FULL_BYTES = 4 + 4 + 8
"""Of a number under full training: itself, its gradient and AdamW's two moments, in float32."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What the models are to do.

    Attributes:
        context: tokens of a sequence.
        batch: sequences at once.
        dtype: of the weights.
        rank: of LoRA, in all linear layers.
        checkpointing: whether training computes activations again instead of keeping them.
    """

    context: int = 4096
    batch: int = 1
    dtype: str = "bfloat16"
    rank: int = 16
    checkpointing: bool = True

    def __post_init__(self) -> None:
        """Refuse what no model can do.

        Raises:
            LeitaiError: names the number.
        """
        for name in ("context", "batch", "rank"):
            if getattr(self, name) < 1:
                raise LeitaiError(
                    f"{name} is {getattr(self, name)}", where="resources", remedy="use 1 or more"
                )
        if self.dtype not in cost.DTYPE_BYTES:
            raise LeitaiError(
                f"no number format is called {self.dtype!r}",
                where="resources",
                remedy=f"use {', '.join(cost.DTYPE_BYTES)}",
            )


@dataclass(frozen=True, slots=True)
class Resources:
    """What one model needs.

    FLOPs count products of matrices alone, for a token of a sequence of `Workload.context` tokens:
    the linear layers, the output head, and its share of attention.

    Attributes:
        name: of the model.
        parameters: all, a tied head once.
        used: those that a token goes through: all, but for mixtures of experts.
        non_embedding: those of the blocks and the final norm.
        longest: tokens that a sequence may have.
        forward_flops: of a token, read or written.
        training_flops: of a token under full training, every token a target.
        lora_flops: of a token under LoRA; None for mixtures of experts, whose experts tools adapt
            in different ways.
        cache_bytes: keys and values of a token.
        weight_bytes: of the weights.
        serving_bytes: to write at the workload's context and batch; None where the context is
            longer than the model's.
        full_bytes: to train all of it, in float32 with working copies in half precision unless the
            dtype is float32; None as above and under a quantised dtype.
        lora_bytes: to train LoRA on weights of the dtype; None as above.
    """

    name: str
    parameters: int
    used: int
    non_embedding: int
    longest: int
    forward_flops: float
    training_flops: float
    lora_flops: float | None
    cache_bytes: int
    weight_bytes: int
    serving_bytes: int | None
    full_bytes: int | None
    lora_bytes: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        return asdict(self)


def resources(name: str, config: ModelConfig, load: Workload) -> Resources:
    """Count what a model needs under a workload.

    Args:
        name: how to call it.
        config: its architecture.
        load: the workload.
    """
    full, lora = Full(), LoRA(rank=load.rank)
    pairs = (load.context + 1) / 2  # a token sees itself and, on average, half of those before

    def training_flops(method: cost.Method) -> float:
        return (
            cost.linear_training_flops(config, method)
            + cost.attention_flops(config, pairs, backward=True)
            + cost.head_flops(config, 1, method=method)
        )

    fits = load.context <= config.max_position_embeddings
    tokens = load.batch * load.context
    serving = serving_memory(
        config, load.dtype, streams=load.batch, cached=tokens, prefill=min(tokens, CHUNK)
    )
    quantised = cost.DTYPE_BYTES[load.dtype] < 2
    return Resources(
        name=name,
        parameters=parameter_count(config),
        used=parameter_count(config),
        non_embedding=parameter_count(config, embedding=False),
        longest=config.max_position_embeddings,
        forward_flops=cost.linear_flops(config)
        + cost.attention_flops(config, pairs)
        + cost.head_flops(config, 1),
        training_flops=training_flops(full),
        lora_flops=training_flops(lora),
        cache_bytes=cost.cache_bytes_per_token(config, load.dtype),
        weight_bytes=cost.weight_bytes(config, load.dtype),
        serving_bytes=sum(serving.values()) if fits else None,
        full_bytes=_training_bytes(config, full, load) if fits and not quantised else None,
        lora_bytes=_training_bytes(config, lora, load) if fits else None,
    )


def resources_of_mixture(name: str, mixture: Mixture, load: Workload) -> Resources:
    """Count what a mixture of experts needs under a workload.

    Operations are those of what a token uses, memory is that of all experts.

    Args:
        name: how to call it.
        mixture: its architecture.
        load: the workload.
    """
    found = resources(name, mixture.dense, load)
    beside = mixture.idle + mixture.router
    weights = int(mixture.idle * cost.DTYPE_BYTES[load.dtype]) + 2 * mixture.router
    full = _FULL_BYTES + (2 if load.dtype != "float32" else 0)
    return replace(
        found,
        parameters=found.parameters + beside,
        used=found.parameters + mixture.router,
        non_embedding=found.non_embedding + beside,
        forward_flops=found.forward_flops + 2 * mixture.router,
        training_flops=found.training_flops + 6 * mixture.router,
        lora_flops=None,
        weight_bytes=found.weight_bytes + weights,
        serving_bytes=None if found.serving_bytes is None else found.serving_bytes + weights,
        full_bytes=None if found.full_bytes is None else found.full_bytes + beside * full,
        lora_bytes=None,
    )


def _training_bytes(config: ModelConfig, method: cost.Method, load: Workload) -> int:
    tokens = load.batch * load.context
    step = step_memory(
        config,
        method,
        load.dtype,
        StepSize(tokens, tokens),
        native=True,
        checkpointing=load.checkpointing,
    )
    return cost.training_weight_bytes(config, method, load.dtype) + sum(step.values())
