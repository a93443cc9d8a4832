"""One plain decoder of what several processes have trained."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from leitai.adapters import AnyMethod, apply_method
from leitai.models import Decoder, load_decoder

if TYPE_CHECKING:
    from leitai.training.loop import Loop


def gathered(
    loop: "Loop", model_folder: Path, method: AnyMethod, dtype: str, seed: int
) -> Decoder | None:
    """Return the trained decoder on the first process, put together if each has a part of it.

    Every process takes part. The others keep nothing of what is gathered.

    Args:
        loop: when it has ended.
        model_folder: that the decoder came from.
        method: that was put into it.
        dtype: of its frozen weights.
        seed: of the run.
    """
    if not loop.ranks.divided:
        return loop.decoder if loop.ranks.first else None
    plain, own = None, {}
    if loop.ranks.first:
        plain = load_decoder(model_folder, dtype=dtype, quantize_head=False)
        apply_method(plain, method, seed)
        loop.objective.attach(plain, seed)
        own = dict(plain.named_parameters())
    with torch.no_grad():
        for name, parameter in loop.parameters.items():
            tensor = loop.ranks.whole(parameter.detach())
            if plain is not None:
                own[name].copy_(tensor)
    return plain
