"""The harness's settings of writing, read as its Hugging Face back end reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval.models.utils import (
    handle_stop_sequences,
    normalize_gen_kwargs,
    postprocess_generated_text,
)

from leitai.base import LeitaiError
from leitai.inference import GenerateOptions
from leitai.text import Tokenizer
from leitai.text.loading import read_config

_SAMPLING = ("temperature", "top_k", "top_p", "min_p")
_READ = {"until", "max_gen_toks", "do_sample", "repetition_penalty", *_SAMPLING}
# what changes nothing at these values
_NEUTRAL: Mapping[str, Any] = {"num_beams": 1, "num_return_sequences": 1, "use_cache": True}


@dataclass(frozen=True, slots=True)
class Writing:
    """How the requests of one kind are continued.

    Attributes:
        room: tokens that a prompt may have; longer ones lose their beginning.
        stop: texts that end the writing.
        options: the engine's, the stop texts among them.
    """

    room: int
    stop: tuple[str, ...]
    options: GenerateOptions


def writing_defaults(folder: Path) -> dict[str, Any]:
    """Return what a checkpoint's generation_config.json says of choosing tokens.

    transformers applies it to every call, HFLM's included: the repetition penalty always, the rest
    where tokens are drawn (``top_k`` is 50 where nothing is said).

    Raises:
        LeitaiError: the file is damaged.
    """
    config = read_config(folder, "generation_config.json")
    names = ("repetition_penalty", *_SAMPLING[1:])
    return {"top_k": 50} | {name: config[name] for name in names if config.get(name) is not None}


def read_writing(
    settings: Mapping[str, Any],
    defaults: Mapping[str, Any],
    max_gen_toks: int,
    max_length: int,
    end: str | None,
) -> Writing:
    """Read a task's ``generation_kwargs``.

    Args:
        settings: until, max_gen_toks (or max_new_tokens, max_tokens, max_completion_tokens),
            do_sample, temperature, top_k, top_p, min_p, repetition_penalty.
        defaults: from `writing_defaults`.
        max_gen_toks: where the settings name no limit.
        max_length: tokens of prompt and answer together.
        end: the name of the end token, which ends the writing as a text, too.

    Raises:
        LeitaiError: a setting is unknown, or the limit leaves no room for a prompt.
    """
    given = dict(normalize_gen_kwargs(dict(settings), max_gen_toks))
    unknown = sorted(
        name
        for name, value in given.items()
        if name not in _READ and not (name in _NEUTRAL and _NEUTRAL[name] == value)
    )
    if unknown:
        raise LeitaiError(
            f"{unknown[0]} = {given[unknown[0]]!r} is not supported",
            where="generation_kwargs",
            remedy=f"use {', '.join(sorted(_READ))}",
        )
    tokens = given["max_gen_toks"]
    room = max_length - tokens
    if tokens < 1 or room < 1:
        raise LeitaiError(
            f"{tokens:,} tokens to write leave {max(0, room):,} of {max_length:,} for the prompt",
            where="generation_kwargs, max_gen_toks",
            remedy="use a number from 1 to less than the model's context",
        )
    wanted = {**defaults, **{k: v for k, v in given.items() if v is not None}}
    names = ("repetition_penalty", *(_SAMPLING if given["do_sample"] else ()))
    sampling = {name: wanted[name] for name in names if name in wanted}
    if given["do_sample"] and not sampling.get("temperature"):
        raise LeitaiError(
            "tokens cannot be drawn at temperature 0",
            where="generation_kwargs",
            remedy="set a temperature, or do_sample: false",
        )
    stop = tuple(text for text in handle_stop_sequences(given["until"], eos=end) if text)
    options = GenerateOptions(max_tokens=tokens, stop=stop, **sampling)  # type: ignore[typeddict-item]
    return Writing(room, stop, options)


def read_answer(
    tokenizer: Tokenizer, ids: Sequence[int], stop: Sequence[str], think_end: str | int | None
) -> str:
    """Return the text of what was written: after the thoughts, before the first stop text.

    Args:
        tokenizer: that decodes.
        ids: what was written.
        stop: texts that end an answer.
        think_end: the text or the id that ends the thoughts.
    """
    if isinstance(think_end, int):
        ends = [place for place, token in enumerate(ids) if token == think_end]
        ids = ids[ends[-1] + 1 :] if ends else ids
    text = tokenizer.decode(ids, skip_special=True)
    if isinstance(think_end, int):
        text, think_end = text.lstrip(), None
    answer: str = postprocess_generated_text(text, list(stop), think_end)
    return answer
