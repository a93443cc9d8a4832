"""A base and its adapter as one plain checkpoint."""

from pathlib import Path

import torch

from leitai.adapters.merging import merge
from leitai.adapters.peft_files import load_adapter
from leitai.base.files import atomic_folder
from leitai.models import Decoder, load_decoder, save_decoder
from leitai.text import copy_text_files


def load_merged(
    base_folder: Path, adapter_folder: Path | None, *, dtype: torch.dtype = torch.float32
) -> Decoder:
    """Load a base and add an adapter to its weights.

    Args:
        base_folder: the checkpoint that the adapter was trained on.
        adapter_folder: in PEFT's format; None loads the base alone.
        dtype: number format in which the weights are added and checked.

    Raises:
        LeitaiError: one of the folders is not fit for it, or merging would change the logits.
    """
    decoder = load_decoder(base_folder, dtype=dtype)
    if adapter_folder is not None:
        load_adapter(decoder, adapter_folder, base_folder)
        merge(decoder)
    return decoder


def export_merged(
    base_folder: Path,
    adapter_folder: Path | None,
    out: Path,
    *,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write base plus adapter as a Hugging Face folder; whole or not at all.

    Args:
        base_folder: the checkpoint that the adapter was trained on.
        adapter_folder: in PEFT's format; None writes the base alone.
        out: replaced as a whole.
        dtype: number format in which the weights are added, checked and written.

    Raises:
        LeitaiError: one of the folders is not fit for it, merging would change the logits, or the
            disk is full.
    """
    decoder = load_merged(base_folder, adapter_folder, dtype=dtype)
    with atomic_folder(out) as temporary:
        save_decoder(decoder, temporary)
        copy_text_files(base_folder, temporary)
