"""The settings of writing, by name."""

from collections.abc import Iterable, Sequence
from typing import TypedDict

from leitai.base import LeitaiError
from leitai.inference.generation import Limits
from leitai.inference.sampler import Sampling


class GenerateOptions(TypedDict, total=False):
    """Keywords of `generate`, `stream` and `chat`; see `Sampling` and `Limits` for the meanings,
    and `LanguageModel.load` for `adapter`, the name of an adapter.

    Without any: greedy, at most 256 tokens.
    """

    max_tokens: int
    max_characters: int | None
    stop: str | Sequence[str]
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repetition_penalty: float
    seed: int
    adapter: str | None


_NO_SAMPLING = {"max_tokens", "max_characters", "stop", "adapter"}
_MAX_TOKENS = 256


def read_options(options: GenerateOptions, stop_ids: Iterable[int]) -> tuple[Sampling, Limits]:
    """Split the keywords into how tokens are chosen and when a row ends.

    Args:
        options: the keywords.
        stop_ids: the model's stop ids.

    Raises:
        LeitaiError: an unknown name or a value outside its range.
    """
    if unknown := sorted(set(options) - set(GenerateOptions.__annotations__)):
        raise LeitaiError(
            "no such setting",
            where=unknown[0],
            remedy=f"use {', '.join(sorted(GenerateOptions.__annotations__))}",
        )
    sampling = Sampling(**{k: v for k, v in options.items() if k not in _NO_SAMPLING})  # type: ignore[arg-type]
    stop = options.get("stop", ())
    texts = (stop,) if isinstance(stop, str) else tuple(stop)
    if not all(isinstance(text, str) and text for text in texts):
        raise LeitaiError("expected texts that are not empty", where="stop", remedy="change it")
    numbers = {"max_tokens": options.get("max_tokens", _MAX_TOKENS)}
    if options.get("max_characters") is not None:
        numbers["max_characters"] = options["max_characters"] or 0
    for name, value in numbers.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise LeitaiError("expected a positive integer", where=name, remedy="change it")
    return sampling, Limits(
        max_tokens=numbers["max_tokens"],
        max_characters=numbers.get("max_characters"),
        stop_ids=frozenset(stop_ids),
        stop=texts,
    )
