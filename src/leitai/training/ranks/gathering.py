"""What several processes cannot train together, and one plain decoder of what they have trained."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from leitai.adapters import apply_method
from leitai.base import LeitaiError
from leitai.models import Decoder, load_decoder
from leitai.training.spec import AdaptSpec

if TYPE_CHECKING:
    from leitai.training.loop import Loop

_HALVES = ("float32", "bfloat16", "float16")


def check_divisible(spec: AdaptSpec, dtype: str, samples: int) -> None:
    """Refuse what needs all weights, or all rows of a step, in one process.

    Raises:
        LeitaiError: names the setting.
    """
    problems = {
        "adapt.method": spec.method.name == "adalora",
        "adapt.objective": spec.objective.name == "kto",
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
    """Return a plain decoder on the CPU with the trained weights, on the first process alone.

    Every process takes part. The others keep nothing of what is gathered.
    """
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
