"""What several processes cannot train together, and one plain decoder of what they have trained."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from leitai.adapters import apply_method
from leitai.base import LeitaiError
from leitai.models import Decoder, load_decoder
from leitai.training.ranks.alone import Ranks
from leitai.training.spec import AdaptSpec

if TYPE_CHECKING:
    from leitai.training.loop import Loop

_METHODS = ("full", "freeze", "lora", "dora", "ia3")
_OBJECTIVES = ("instruction", "pretraining", "dpo", "orpo", "simpo")
_HALVES = ("float32", "bfloat16", "float16")


def check_divisible(spec: AdaptSpec, dtype: str, samples: int, ranks: Ranks) -> None:
    """Refuse on several processes what needs all weights, or all rows of a step, in one.

    Raises:
        LeitaiError: names the setting.
    """
    if ranks.count == 1:
        return
    problems = {
        "adapt.method": spec.method.name not in _METHODS,
        "adapt.objective": spec.objective.name not in _OBJECTIVES,
        "adapt.optimizer": spec.optimizer.name == "muon",
        "adapt.validation.metric": spec.validation.metric != "loss",
        "samples": samples > 0,
        "dtype": dtype not in _HALVES,
    }
    for where, found in problems.items():
        if found:
            raise LeitaiError(
                "this needs the whole model or all rows of a step in one process",
                where=where,
                remedy="train on one process, or choose another setting",
            )


def gathered(loop: "Loop", model_folder: Path, dtype: str, seed: int) -> Decoder | None:
    """Return the trained decoder on the first process: one alone has it, several put it together.

    Every process takes part. The others keep nothing of what is gathered.
    """
    if loop.ranks.count == 1:
        return loop.decoder
    plain, own = None, {}
    if loop.ranks.first:
        plain = load_decoder(model_folder, dtype=dtype, quantize_head=False)
        apply_method(plain, loop.spec.method, seed)
        own = dict(plain.named_parameters())
    with torch.no_grad():
        for name, parameter in loop.parameters.items():
            tensor = loop.ranks.whole(parameter.detach())
            if plain is not None:
                own[name].copy_(tensor)
    return plain
