"""The verbs that load a model and let it score or write."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Unpack

import leitai
from leitai.base.errors import LeitaiError
from leitai.base.progress import Ticker, progress
from leitai.cli import show

if TYPE_CHECKING:
    from leitai.inference import LanguageModel
    from leitai.inference.options import GenerateOptions


class Place(NamedTuple):
    """Which model, and where and how it runs."""

    model: str
    dtype: str
    device: str
    adapter: str | None

    def load(self) -> "LanguageModel":
        """Load it."""
        return leitai.load(self.model, dtype=self.dtype, device=self.device, adapter=self.adapter)


def Options(**options: Unpack["GenerateOptions"]) -> "GenerateOptions":  # noqa: N802
    """Name the settings of writing; a typed dictionary without importing torch for its type."""
    return options


def score_file(place: Place, requests: Path, out: Path) -> None:
    """Score a file of requests."""
    from leitai.inference import requests as files

    # The file is read before the model: a mistake in it shows at once.
    total = len(files.read_requests(requests))
    lm = place.load()
    _with_bar("scoring", total, lambda tick: files.score_file(lm, requests, out, tick))
    show.line(f"{total:,} rows scored: {out}")


def generate_file(
    place: Place, prompts: Path, out: Path | None, options: "GenerateOptions"
) -> None:
    """Continue a file of prompts."""
    from leitai.inference import requests as files

    if out is None:
        raise LeitaiError("expected --out FILE beside --prompts", where="generate")
    total = len(files.read_prompts(prompts))
    lm = place.load()
    _with_bar("writing", total, lambda tick: files.generate_file(lm, prompts, out, tick, **options))
    show.line(f"{total:,} rows written: {out}")


def _with_bar(title: str, total: int, work: Callable[[Ticker], object]) -> None:
    with progress(title, total) as tick:
        work(tick)


def generate_one(place: Place, prompt: str, options: "GenerateOptions") -> None:
    """Continue one prompt, showing the text as it comes."""
    for piece in place.load().stream(prompt, **options):
        _say(piece)
    _say("\n")


def converse(
    place: Place, options: "GenerateOptions", *, system: str | None, thinking: bool | None
) -> None:
    """Talk until an empty line or the end of input."""
    lm = place.load()
    messages = [] if system is None else [{"role": "system", "content": system}]
    while said := _ask():
        messages.append({"role": "user", "content": said})
        pieces = []
        for piece in lm.stream_chat(messages, thinking=thinking, **options):
            pieces.append(piece)
            _say(piece)
        _say("\n")
        messages.append({"role": "assistant", "content": "".join(pieces)})


def _ask() -> str:
    try:
        return input("> " if sys.stdin.isatty() else "").strip()
    except EOFError:
        return ""


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
