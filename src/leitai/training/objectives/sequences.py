"""Log-probabilities of whole answers, many at once in one prefix forest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save
from torch import Tensor

from leitai.base import LeitaiError
from leitai.base.files import atomic_file
from leitai.data.rows import Row
from leitai.forest import ForestScope, plant
from leitai.models import Decoder
from leitai.training.batches import EncodedRow, Floats
from leitai.training.encoding import encode_rows
from leitai.training.logprobs import token_logprobs
from leitai.training.objectives.interface import Texts

REFERENCE_ROWS = 32  # answers whose reference is computed at once


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers in their contexts as one prefix forest: a prompt and its answers are branches.

    Attributes:
        ids: unique tokens that a prediction depends on, [1, N].
        scope: what attends to what.
        places: for each prediction, the place in [N] that makes it, [P].
        targets: the ids to predict, [P].
        owner: for each prediction, the answer it is of, [P].
        lengths: tokens of each answer, [S] in float32.
    """

    ids: Tensor
    scope: ForestScope
    places: Tensor
    targets: Tensor
    owner: Tensor
    lengths: Tensor

    def logprobs(self, decoder: Decoder) -> Tensor:
        """Return the sum of the log-probabilities of each answer's tokens, [S] in float32."""
        hidden: Tensor = decoder(self.ids, scope=self.scope, places=self.places)
        found = token_logprobs(hidden[0], decoder.head_weight, self.targets)
        return found.new_zeros(len(self.lengths)).index_add(0, self.owner, found)


def plant_answers(rows: Sequence[EncodedRow], device: str) -> Answers:
    """Put answers in their contexts into one forest."""
    forest = plant([row.ids[: row.targets[-1]] for row in rows])
    counts = np.array([len(row.targets) for row in rows])
    places = np.concatenate([forest.places(i)[row.targets - 1] for i, row in enumerate(rows)])
    return Answers(
        ids=torch.from_numpy(forest.ids)[None].to(device),
        scope=ForestScope(forest),
        places=torch.from_numpy(places).to(device),
        targets=torch.from_numpy(np.concatenate([row.labels for row in rows])).to(device),
        owner=torch.from_numpy(np.repeat(np.arange(len(rows)), counts)).to(device),
        lengths=torch.from_numpy(counts.astype(np.float32)).to(device),
    )


def encode_answers(rows: Sequence[Row], texts: Texts, max_length: int) -> list[EncodedRow]:
    """Encode dialogues whose last answer alone is the target.

    Raises:
        LeitaiError: a row cannot be rendered or has no target left after truncation; it is named.
    """
    return encode_rows(
        rows, texts, max_length=max_length, turns="last", prompt_weight=0.0, title=texts.title
    )


def rejected_row(row: Row) -> Row:
    """Return the row with the rejected dialogue as its own."""
    return replace(row, messages=row.rejected or (), rejected=None)


def reference_logprobs(decoder: Decoder, rows: Sequence[EncodedRow], cache: Path) -> Floats:
    """Return each answer's log-probability before training, [S] in float32.

    Args:
        decoder: as it was before training.
        rows: prompts with answers.
        cache: read if it is there, else written.

    Raises:
        LeitaiError: the cache is damaged, or the disk is full.
    """
    if cache.exists():
        try:
            return load(cache.read_bytes())["logprobs"]
        except (SafetensorError, KeyError, OSError) as error:
            raise LeitaiError(f"damaged ({error})", where=cache, remedy="remove it") from error
    order = sorted(range(len(rows)), key=lambda i: rows[i].ids.astype(">u4").tobytes())
    found = np.empty(len(rows), dtype=np.float32)
    decoder.eval()
    with torch.no_grad():
        for start in range(0, len(order), REFERENCE_ROWS):
            chosen = order[start : start + REFERENCE_ROWS]
            answers = plant_answers([rows[i] for i in chosen], str(decoder.device))
            found[chosen] = answers.logprobs(decoder).float().cpu().numpy()
    with atomic_file(cache) as file:
        file.write(save({"logprobs": found}))
    return found
