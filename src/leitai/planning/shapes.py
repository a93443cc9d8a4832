"""Architectures by name: what a plan needs of a model that may not be here yet."""

from collections.abc import Iterable
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
from leitai.planning.mixtures import MIXTURES, Mixture

SCRATCH = "scratch:"
_PREFIXES = ("Meta-",)
_SUFFIXES = ("-Instruct", "-Thinking", "-Base", "-Chat", "-2507")


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
    published = _published(model, PRESETS)
    if published is not None:
        return Shape(model.rsplit("/", 1)[-1], preset(published))
    if find_mixture(model) is not None:
        raise LeitaiError(
            "a mixture of experts, which is counted but not run here",
            where=model,
            remedy="`leitai resources` tells what it needs",
        )
    near = get_close_matches(name.rsplit("/", 1)[-1], [*PRESETS, *SCRATCH_PRESETS], 1)
    raise LeitaiError(
        "no folder, and no model whose shape is known by name",
        where=model,
        remedy=f"did you mean {near[0]!r}?"
        if near
        else f"use one of {', '.join(PRESETS)}, or a folder with the model's config.json",
    )


def find_mixture(model: str) -> Mixture | None:
    """Return the mixture of experts that a published name or a hub id stands for, if any."""
    name = _published(model, MIXTURES)
    return None if name is None else MIXTURES[name]


def _published(model: str, names: Iterable[str]) -> str | None:
    """Find the name that a hub id such as meta-llama/Meta-Llama-3-8B-Instruct stands for."""
    known = {name.lower(): name for name in names}
    name = model.split("@", 1)[0].rsplit("/", 1)[-1]
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    while (found := known.get(name.lower())) is None:
        shorter = next((name.removesuffix(s) for s in _SUFFIXES if name.endswith(s)), None)
        if shorter is None:
            return None
        name = shorter
    return found
