"""Rows of messages into token ids with targets, refused by name where nothing can be learnt."""

from collections.abc import Sequence

import numpy as np

from leitai.base import LeitaiError
from leitai.base.progress import progress
from leitai.data.rows import Row
from leitai.text import Chat, Encoded, Tokenizer, truncate
from leitai.training.batches import EncodedRow
from leitai.training.spec import AdaptSpec


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


def encode_rows(
    rows: Sequence[Row],
    chat: Chat,
    spec: AdaptSpec,
    *,
    vocab_size: int,
    prompt_weight: float,
    date: str | None = None,
    thinking: bool | None = None,
    title: str = "reading",
) -> list[EncodedRow]:
    """Render and encode each row once.

    Args:
        rows: each ends with the assistant's answer.
        chat: tokenizer and template of the checkpoint.
        spec: gives `max_length` and `turns`.
        vocab_size: of the model; an id outside would read past the embedding.
        prompt_weight: see `AdaptSpec`; 0 where only answers count, as in validation.
        date: what a template prints as today.
        thinking: passed to the template.
        title: of the progress bar.

    Raises:
        LeitaiError: a row cannot be rendered or has no target left after truncation; it is named.
    """
    result: list[EncodedRow] = []
    with progress(title, len(rows)) as tick:
        for row in rows:
            encoded = chat.encode_training(
                row.messages,
                tools=row.tools,
                date=date,
                thinking=thinking,
                turns=spec.turns,
                where=row.source,
            )
            encoded = truncate(encoded, spec.max_length, row.source)
            if max(encoded.ids) >= vocab_size:
                raise LeitaiError(
                    f"the tokenizer gives the id {max(encoded.ids):,}, "
                    f"the model has {vocab_size:,} embeddings",
                    where=row.source,
                    remedy="use the tokenizer that belongs to the model",
                )
            result.append(_as_arrays(encoded, prompt_weight, chat.tokenizer, row.source))
            tick(len(result))
    return result
