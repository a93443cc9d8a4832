"""A model as a folder that other programs load, refused where its logits would differ."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from leitai.adapters import export_merged, load_merged
from leitai.base import LeitaiError
from leitai.base.files import atomic_folder, write_text
from leitai.export.card import CARD_FILE, model_card
from leitai.export.gguf_file import read_gguf, require_gguf, write_gguf
from leitai.export.gguf_layout import FORMATS
from leitai.export.gguf_vocabulary import read_vocabulary
from leitai.export.source import Source
from leitai.models import Decoder, ModelConfig
from leitai.text import Tokenizer
from leitai.text.chat_files import read_chat_files

Target = Literal["hf", "gguf"]
_DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


def export_model(
    source: Source, out: Path, *, to: Target = "hf", format_name: str | None = None
) -> Path:
    """Write a model with its model card; whole or not at all.

    `hf` is a Hugging Face folder, adapter merged. `gguf` is a folder with one file for llama.cpp;
    it is read back, dequantised and asked, and refused if its logits are not the source's.

    Args:
        source: see `find_source`.
        out: a folder that is new or empty.
        to: the layout.
        format_name: of matrices; "f32", "f16" or "bf16", and for GGUF also "q8_0" or "q4_0". By
            default float32 for `hf` and bfloat16 for `gguf`.

    Returns:
        The weights' folder (`hf`) or file (`gguf`).

    Raises:
        LeitaiError: `out` holds something; a part is missing or not supported; the logits would
            change; the disk is full.
    """
    name = format_name or ("f32" if to == "hf" else "bf16")
    known = _DTYPES if to == "hf" else FORMATS
    if name not in known:
        raise LeitaiError(
            f"{name} is not a number format of {to}",
            where="--type",
            remedy=f"use one of {', '.join(known)}",
        )
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise LeitaiError(
            "there is something here already", where=out, remedy="name a new folder as --out"
        )
    out = out.resolve()
    if to == "hf":
        export_merged(source.base, source.adapter, out, dtype=_DTYPES[name])
        write_text(out / CARD_FILE, model_card(source, out.name, "transformers", name))
        return out
    file = f"{out.name}-{name.upper()}.gguf"
    with atomic_folder(out) as temporary:
        export_gguf(source, temporary / file, name, name=out.name)
        write_text(temporary / CARD_FILE, model_card(source, out.name, "gguf", name, file))
    return out / file


def export_gguf(source: Source, path: Path, format_name: str, *, name: str) -> None:
    """Write one GGUF file and ask it; see `export_model`.

    The source is loaded in float32 and released before the file is read back, so the peak is one
    float32 copy of the weights.

    Raises:
        LeitaiError: as `export_model`. A file that is refused is left for the caller to remove.
    """
    require_gguf()
    tokenizer = Tokenizer.from_folder(source.base)
    templates = read_chat_files(source.base).templates
    decoder = load_merged(source.base, source.adapter, dtype=torch.float32)
    config = decoder.config
    vocabulary = read_vocabulary(tokenizer, config)
    ids = _probe_ids(config)
    wanted = _logits(decoder, ids)
    write_gguf(decoder, vocabulary, templates, path, format_name, name=name)
    del decoder
    found = _logits(read_gguf(path, rope_scaling=config.rope_scaling), ids)
    error = ((found - wanted).norm() / wanted.norm().clamp_min(1e-12)).item()
    tolerance = FORMATS[format_name].tolerance
    if not error <= tolerance:
        raise LeitaiError(
            f"{format_name} would change the logits by {error:.1e} of their norm "
            f"(at most {tolerance:.0e} is allowed)",
            where=path.name,
            remedy="choose a --type with more bits",
        )


def _probe_ids(config: ModelConfig) -> Tensor:
    """Return fixed random tokens, [2, 32]."""
    generator = torch.Generator().manual_seed(20_240_726)
    return torch.randint(config.vocab_size, (2, 32), generator=generator)


def _logits(decoder: Decoder, ids: Tensor) -> Tensor:
    with torch.inference_mode():
        return decoder.logits(decoder(ids)).float()
