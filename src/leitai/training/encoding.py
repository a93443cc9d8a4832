"""Rows of messages into token ids with targets, refused by name where nothing can be learnt."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from leitai.base import LeitaiError
from leitai.base.progress import progress
from leitai.data.rows import Row
from leitai.text import Encoded, Tokenizer, truncate
from leitai.training.batches import EncodedRow

if TYPE_CHECKING:
    from leitai.training.objectives.interface import Texts


def _as_arrays(
    encoded: Encoded, prompt_weight: float, tokenizer: Tokenizer, source: str
) -> EncodedRow:
    ids = np.asarray(encoded.ids, dtype=np.int64)
    answer = np.asarray(encoded.is_target, dtype=bool)
    weights = np.where(answer, 1.0, prompt_weight).astype(np.float32)
    weights[0] = 0.0  # nothing stands before the first token to predict it from
    targets = np.flatnonzero(weights)
    control = set(tokenizer.control.values())
    return EncodedRow(
        ids=ids,
        targets=targets,
        labels=ids[targets],
        weights=weights[targets],
        answer=answer[targets],
        source=source,
        answer_bytes=sum(
            len(tokenizer.token_bytes(int(i))) for i in ids[answer] if int(i) not in control
        ),
    )


def encode_row(
    row: Row, texts: "Texts", *, max_length: int, turns: Literal["all", "last"]
) -> Encoded:
    """Render and encode one row.

    Args:
        row: ends with the assistant's answer.
        texts: how rows become token ids.
        max_length: tokens to keep, at most.
        turns: which of the assistant's turns are targets.

    Raises:
        LeitaiError: the row cannot be rendered or has no target left after truncation; it is named.
    """
    encoded = texts.chat.encode_training(
        row.messages,
        tools=row.tools,
        date=texts.date,
        thinking=texts.thinking,
        turns=turns,
        where=row.source,
    )
    encoded = truncate(encoded, max_length, row.source)
    check_ids(encoded.ids, texts.vocab_size, row.source)
    return encoded


def check_ids(ids: Sequence[int], vocab_size: int, source: str) -> None:
    """Refuse an id that would read past the embedding.

    Raises:
        LeitaiError: the tokenizer knows more tokens than the model.
    """
    if max(ids) >= vocab_size:
        raise LeitaiError(
            f"the tokenizer gives the id {max(ids):,}, the model has {vocab_size:,} embeddings",
            where=source,
            remedy="use the tokenizer that belongs to the model",
        )


def encode_rows(
    rows: Sequence[Row],
    texts: "Texts",
    *,
    max_length: int,
    turns: Literal["all", "last"],
    prompt_weight: float,
    title: str = "reading",
) -> list[EncodedRow]:
    """Render and encode each row once.

    Args:
        rows: each ends with the assistant's answer.
        texts: how rows become token ids.
        max_length: tokens of a row to keep, at most.
        turns: which of the assistant's turns are targets.
        prompt_weight: see `AdaptSpec`; 0 where only answers count, as in validation.
        title: of the progress bar.

    Raises:
        LeitaiError: a row cannot be rendered or has no target left after truncation; it is named.
    """
    result: list[EncodedRow] = []
    with progress(title, len(rows)) as tick:
        for row in rows:
            encoded = encode_row(row, texts, max_length=max_length, turns=turns)
            result.append(_as_arrays(encoded, prompt_weight, texts.chat.tokenizer, row.source))
            tick(len(result))
    return result
