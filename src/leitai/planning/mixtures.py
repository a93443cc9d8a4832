"""Published mixtures of experts, to be counted; they are not run here.

A token goes through a few of a block's experts, so its operations are those of a dense model whose
feed-forward network is as wide as those together, while all experts lie in memory. Where the
sources give an expert that every token uses (Qwen2), it belongs to that width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from leitai.models.config import ModelConfig


@dataclass(frozen=True, slots=True)
class Mixture:
    """A mixture of experts.

    Attributes:
        dense: what one token goes through, the router left out.
        experts: of a block, the common one not counted.
        used: of them, by one token.
        width: of one expert.
        common: width of the expert that all tokens use; 0: there is none.
    """

    dense: ModelConfig
    experts: int
    used: int
    width: int
    common: int = 0

    @property
    def router(self) -> int:
        """Numbers of all routers: a logit an expert, and one for the common expert's gate."""
        logits = self.experts + bool(self.common)
        return self.dense.num_hidden_layers * self.dense.hidden_size * logits

    @property
    def idle(self) -> int:
        """Numbers of all experts that a token does not use."""
        expert = 3 * self.dense.hidden_size * self.width
        return self.dense.num_hidden_layers * (self.experts - self.used) * expert


_SHARED: Mapping[str, Any] = {"rms_norm_eps": 1e-6, "rope_theta": 1e6, "rope_scaling": None}
_SIZES = (
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads"),
    "max_position_embeddings",
)

# Source: the models' published config.json files. After the sizes above: experts, how many of them
# a token uses, the width of one, and that of the expert which all tokens use.
# fmt: off
_PUBLISHED: Mapping[str, tuple[Any, ...]] = {
    "Qwen2-57B-A14B":        ("qwen2", (3584, 28, 28, 4, 131072), ( 64, 8, 2560, 20480)),
    "Qwen3-30B-A3B":         ("qwen3", (2048, 48, 32, 4,  40960), (128, 8,  768,     0)),
    "Qwen3-235B-A22B":       ("qwen3", (4096, 94, 64, 4,  40960), (128, 8, 1536,     0)),
    "Qwen3-Coder-480B-A35B": ("qwen3", (6144, 62, 96, 8, 262144), (160, 8, 2560,     0)),
}
# fmt: on


def _make(family: str, sizes: Sequence[int], experts: Sequence[int]) -> Mixture:
    count, used, width, common = experts
    fields = {
        "family": family,
        **_SHARED,
        **dict(zip(_SIZES, sizes, strict=True)),
        "intermediate_size": used * width + common,
        "head_dim": 128,
        "vocab_size": 151_936,
        "tie_word_embeddings": False,
    }
    return Mixture(ModelConfig(**fields), count, used, width, common)


MIXTURES: Mapping[str, Mixture] = MappingProxyType(
    {name: _make(*entry) for name, entry in _PUBLISHED.items()}
)
"""By the published name."""
