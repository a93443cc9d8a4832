"""Whether several processes hold a part of the weights each, or all of them. Free of torch."""

from leitai.adapters.method import AnyMethod
from leitai.training.spec import AdaptSpec

_METHODS = ("full", "freeze", "lora", "dora", "ia3", "prefix_tuning", "bottleneck")
_HALVES = ("float32", "bfloat16", "float16")


def weights_divide(method: AnyMethod, dtype: str) -> bool:
    """Whether every weight can be parted by its rows.

    AdaLoRA compares the ranks of all layers, virtual tokens of prompt tuning run through the blocks
    a second time, whose weights would be gone by then, and quantised weights lie in blocks that
    rows cut through.

    Args:
        method: what is trained.
        dtype: of the weights.
    """
    return method.name in _METHODS and dtype in _HALVES


def divides(spec: AdaptSpec, dtype: str, samples: int) -> bool:
    """Whether several processes hold a part of the weights each.

    They do not where something looks at a whole matrix or lets the whole model answer.

    Args:
        spec: how to train.
        dtype: of the weights.
        samples: validation rows that the model answers as it learns.
    """
    return (
        weights_divide(spec.method, dtype)
        and spec.optimizer.name != "muon"
        and spec.validation.metric == "loss"
        and not samples
    )
