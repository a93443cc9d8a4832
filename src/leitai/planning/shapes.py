"""Architectures by name: what a plan needs of a model that may not be here yet."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from leitai.base import LeitaiError
from leitai.models import (
    PRESETS,
    SCRATCH_PRESETS,
    ModelConfig,
    preset,
    read_config,
    scratch_config,
)

SCRATCH = "scratch:"
_PREFIXES = ("Meta-",)
_SUFFIXES = ("-Instruct", "-Base", "-Chat", "-2507")
_KNOWN = {name.lower(): name for name in PRESETS}


@dataclass(frozen=True, slots=True)
class Shape:
    """A model's architecture and where it is known from.

    Attributes:
        name: how to call the model.
        config: its architecture.
        folder: the local checkpoint, if it is one; its tokenizer can then be used.
        scratch: whether it is a preset to train from random weights.
    """

    name: str
    config: ModelConfig
    folder: Path | None = None
    scratch: bool = False


def find_shape(model: str, *, vocab_size: int = 4096) -> Shape:
    """Return the architecture of a model without fetching anything.

    Args:
        model: a local checkpoint folder; a published model's name ("Qwen2.5-7B") or a hub id whose
            last part is one, "Instruct", "Base" and "Meta" aside; or a scratch preset, with or
            without "scratch:" before it.
        vocab_size: of a scratch model.

    Raises:
        LeitaiError: the name says nothing about the architecture, or config.json is refused.
    """
    folder = Path(model).expanduser()
    if model and folder.is_dir():
        return Shape(folder.resolve().name, read_config(folder), folder)
    name = model.removeprefix(SCRATCH)
    if name in SCRATCH_PRESETS:
        return Shape(name, scratch_config(name, vocab_size), scratch=True)
    published = _published(model)
    if published is not None:
        return Shape(model.rsplit("/", 1)[-1], preset(published))
    near = get_close_matches(name.rsplit("/", 1)[-1], [*PRESETS, *SCRATCH_PRESETS], 1)
    raise LeitaiError(
        "no folder, and no model whose shape is known by name",
        where=model,
        remedy=f"did you mean {near[0]!r}?"
        if near
        else f"use one of {', '.join(PRESETS)}, or a folder with the model's config.json",
    )


def _published(model: str) -> str | None:
    """Find the preset that a hub id such as meta-llama/Meta-Llama-3-8B-Instruct stands for."""
    name = model.split("@", 1)[0].rsplit("/", 1)[-1]
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    while (found := _KNOWN.get(name.lower())) is None:
        shorter = next((name.removesuffix(s) for s in _SUFFIXES if name.endswith(s)), None)
        if shorter is None:
            return None
        name = shorter
    return found
