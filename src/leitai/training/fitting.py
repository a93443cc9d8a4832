"""Whether a run fits into the memory, and whether activations are recomputed for that."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch

from leitai.adapters import trainable_parameters
from leitai.base import LeitaiError
from leitai.base.memory import available_bytes
from leitai.forest import plant
from leitai.kernels.build import library
from leitai.models import Decoder
from leitai.training.batches import Example, window_parts
from leitai.training.memory import StepSize, enough_tokens, needs_checkpointing, step_memory
from leitai.training.spec import AdaptSpec

_STATE_BYTES = 12  # a trained number's gradient and two moments, float32
_AVERAGE_BYTES = 4


def free_bytes(device: torch.device) -> int:
    """Return the memory that is free where the decoder is."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return available_bytes()


def check_memory(decoder: Decoder, model_folder: Path, spec: AdaptSpec, ranks: int = 1) -> None:
    """Refuse a run that cannot begin.

    Raises:
        LeitaiError: gradients and the optimiser's state alone are larger than the free memory.
    """
    state = _STATE_BYTES + (0 if spec.ema is None else _AVERAGE_BYTES)
    needed, free = trainable_parameters(decoder) * state // ranks, free_bytes(decoder.device)
    if needed > free:
        raise LeitaiError(
            f"training needs {needed / 2**30:.1f} GiB for gradients and the optimiser's state, "
            f"{free / 2**30:.1f} GiB are free",
            where=model_folder,
            remedy="use method lora, or freeze with fewer blocks",
        )


def enough_for_products(
    decoder: Decoder, spec: AdaptSpec, dtype: str, *, divided: bool = False
) -> float:
    """Return the unique tokens that a batch should have, infinite where more are always better.

    That is so on an accelerator, and where each batch gathers the weights from other processes.
    """
    if divided or decoder.device.type != "cpu":
        return math.inf
    native = library() is not None
    return enough_tokens(decoder.config, spec.method, dtype, native=native)


def chooses_checkpointing(
    decoder: Decoder, rows: Sequence[Example], spec: AdaptSpec, dtype: str
) -> bool:
    """Decide about activation checkpointing as the spec says, or by the memory that is free.

    Args:
        decoder: with its weights in memory, prepared by `apply_method`.
        rows: to train on.
        spec: how.
        dtype: that is computed in.
    """
    if spec.activation_checkpointing != "auto":
        return spec.activation_checkpointing
    needed = step_memory(
        decoder.config,
        spec.method,
        dtype,
        largest_step(rows, spec, enough_for_products(decoder, spec, dtype)),
        native=decoder.device.type == "cpu" and library() is not None,
        checkpointing=False,
    )
    return needs_checkpointing(sum(needed.values()), free_bytes(decoder.device))


def largest_step(rows: Sequence[Example], spec: AdaptSpec, enough: float = math.inf) -> StepSize:
    """Return the size of the batches that the longest rows make; rows of a length come together.

    Args:
        rows: of the run.
        spec: how to train.
        enough: see `window_parts`.
    """
    window = spec.batch_rows * spec.accumulation
    longest = sorted(rows, key=lambda row: row.length)[-window:]
    parts = list(window_parts(longest, spec.batch_rows, spec.batch_tokens, enough))
    forests = [plant([ids for row in part for ids in row.sequences]) for part in parts]
    return StepSize(
        tokens=max(len(forest.ids) for forest in forests),
        targets=max(sum(row.predictions for row in part) for part in parts),
        accumulates=len(parts) > 1,
    )
