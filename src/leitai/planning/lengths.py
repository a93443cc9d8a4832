"""How long rows are in tokens: encoded where there is a tokenizer, else estimated."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leitai.data import Row
from leitai.planning.asked import shared_tokens
from leitai.planning.shapes import Shape
from leitai.text import Chat, Tokenizer, train_tokenizer, write_scratch_text_files
from leitai.training.batches import POOL
from leitai.training.spec import AdaptSpec

SAMPLE = 256  # rows that are encoded
_LEARNT_CHARACTERS = 2_000_000  # that a scratch tokenizer is made from here

# Tokens a character, measured with the families' own tokenizers on the bundled bookshop's replies.
_CHINESE = {"qwen2": 0.70, "qwen3": 0.70, "llama": 0.83}
_OTHER = 0.228
# Tokens that a template puts around each message, and before all (a default system prompt).
_PER_MESSAGE, _BEFORE = 5, {"qwen2": 21, "qwen3": 0, "llama": 26}


@dataclass(frozen=True, slots=True)
class Lengths:
    """Rows in tokens.

    Attributes:
        tokens: of a row, the mean.
        targets: of a row that are to be predicted, the mean.
        shared: tokens that all rows begin with.
        longest: of the rows of the largest batch.
        vocab_size: of the tokenizer, where one was used.
    """

    tokens: float
    targets: float
    shared: float
    longest: float
    vocab_size: int | None = None


def row_lengths(
    rows: Sequence[Row],
    shape: Shape,
    adapt: AdaptSpec,
    *,
    vocab_size: int,
    learn_from: Sequence[Row] | None = None,
    date: str | None = None,
    thinking: bool | None = None,
) -> Lengths:
    """Encode some of the rows, or estimate all of them from their characters.

    A model's folder brings its tokenizer; a scratch model's is made here from the first texts, as
    the run would make it; for a name alone the characters have to do.

    Args:
        rows: at least one, each with an answer at its end.
        shape: the model.
        adapt: gives the longest row, the turns and the rows to a step.
        vocab_size: of a scratch model.
        learn_from: rows that a scratch tokenizer is made from; default: `rows`.
        date: what a template prints as today.
        thinking: passed to the template.
    """
    if shape.folder is not None and (shape.folder / "tokenizer.json").exists():
        return _encode(rows, shape.folder, adapt, date, thinking)
    if not shape.scratch:
        return estimated_lengths(rows, shape.config.family, adapt)
    texts: list[str] = []
    size = 0
    for row in rows if learn_from is None else learn_from:
        for message in row.messages:
            if message.get("content") and size < _LEARNT_CHARACTERS:
                texts.append(str(message["content"]))
                size += len(texts[-1])
    family = shape.config.family
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = train_tokenizer([*texts, "system", "user", "assistant"], family, vocab_size)
        write_scratch_text_files(tokenizer, family, Path(folder))
        return _encode(rows, Path(folder), adapt, date, thinking)


def _encode(
    rows: Sequence[Row], folder: Path, adapt: AdaptSpec, date: str | None, thinking: bool | None
) -> Lengths:
    tokenizer = Tokenizer.from_folder(folder)
    chat = Chat.from_folder(folder, tokenizer)
    step = max(1, len(rows) // SAMPLE)
    found = [
        chat.encode_training(
            row.messages,
            tools=row.tools,
            date=date,
            thinking=thinking,
            turns=adapt.turns,
            where=row.source,
        )
        for row in rows[::step]
    ]
    ids = [encoded.ids[: adapt.max_length] for encoded in found]
    targets = [sum(encoded.is_target[: adapt.max_length]) for encoded in found]
    if adapt.prompt_weight:
        targets = [len(row) - 1 for row in ids]
    return Lengths(
        tokens=sum(map(len, ids)) / len(ids),
        targets=max(1.0, sum(targets) / len(targets)),
        shared=shared_tokens(ids),
        longest=_longest([len(row) for row in ids], len(rows), adapt),
        vocab_size=tokenizer.vocab_size,
    )


def estimated_lengths(rows: Sequence[Row], family: str, adapt: AdaptSpec) -> Lengths:
    """Estimate lengths from characters, for models whose tokenizer is not here.

    Args:
        rows: at least one, each with an answer at its end.
        family: whose tokenizer is taken for the usual one: "qwen2", "qwen3" or "llama".
        adapt: gives the longest row, the turns and the rows to a step.
    """
    sizes, targets = [], []
    system = any(message["role"] == "system" for message in rows[0].messages)
    before = 0 if system else _BEFORE[family]
    for row in rows:
        own = [_tokens(str(m.get("content") or ""), family) + _PER_MESSAGE for m in row.messages]
        sizes.append(min(before + sum(own), adapt.max_length))
        answers = [
            size
            for size, message in zip(own, row.messages, strict=True)
            if message["role"] == "assistant"
        ]
        kept = answers if adapt.turns == "all" else answers[-1:]
        targets.append(min(sizes[-1] - 1, sum(size - 3 for size in kept)))
    if adapt.prompt_weight:
        targets = [size - 1 for size in sizes]
    shared: float = before
    if system and len({str(row.messages[0]) for row in rows}) == 1:
        shared = _tokens(str(rows[0].messages[0]["content"]), family) + _PER_MESSAGE
    return Lengths(
        tokens=sum(sizes) / len(sizes),
        targets=max(1.0, sum(targets) / len(targets)),
        shared=min(shared, min(sizes) - 1),
        longest=_longest(sizes, len(rows), adapt),
    )


def _tokens(text: str, family: str) -> float:
    wide = sum("\u3000" <= c <= "\u9fff" or "\uff00" <= c <= "\uffef" for c in text)
    return wide * _CHINESE[family] + (len(text) - wide) * _OTHER


def _longest(sizes: Sequence[float], rows: int, adapt: AdaptSpec) -> float:
    """The mean of the longest rows of a pool, as many as make a batch: they come together."""
    pool = min(rows, POOL * adapt.batch_rows * adapt.accumulation)
    count = max(1, round(len(sizes) * min(1.0, adapt.batch_rows / pool)))
    return sum(sorted(sizes)[-count:]) / count
