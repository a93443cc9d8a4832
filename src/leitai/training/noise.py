"""Noise on the prompts, so that a small model learns from all the words and not from one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leitai.training.batches import EncodedRow, Ints


@dataclass(frozen=True)
class Noise:
    """Prompt tokens dropped or replaced while training (Xie et al., arXiv 1703.02573).

    Half of the noised tokens are left out (blank noising), the other half become a token drawn from
    all prompts (unigram noising). Answers and special tokens stay.

    Attributes:
        probability: for each prompt token.
        pool: prompt tokens of the training rows, special ones left out.
        special: ids that are never touched.
    """

    probability: float
    pool: Ints
    special: frozenset[int]

    @classmethod
    def over(
        cls, probability: float, rows: Sequence[EncodedRow], special: frozenset[int]
    ) -> "Noise":
        """Gather the pool from the rows."""
        prompts = [row.ids[_is_prompt(row, special)] for row in rows]
        return cls(probability, np.concatenate(prompts), special)

    def __call__(self, row: EncodedRow, draws: np.random.Generator) -> EncodedRow:
        """Return the row with noise; a prompt token that is itself a target is still predicted."""
        if not len(self.pool):
            return row
        prompt = _is_prompt(row, self.special)
        chance = draws.random(len(row.ids))
        replace = prompt & (chance < self.probability / 2)
        drop = prompt & ~replace & (chance < self.probability)
        others = self.pool[draws.integers(len(self.pool), size=len(row.ids))]
        ids = np.where(replace, others, row.ids)
        kept = ~drop
        places = np.cumsum(kept) - 1
        left = kept[row.targets]
        return EncodedRow(
            ids=ids[kept],
            targets=places[row.targets[left]],
            labels=row.labels[left],
            weights=row.weights[left],
            answer=row.answer[left],
            source=row.source,
            answer_bytes=row.answer_bytes,
        )


def _is_prompt(row: EncodedRow, special: frozenset[int]) -> NDArray[np.bool_]:
    prompt = ~np.isin(row.ids, list(special))
    prompt[row.targets[row.answer]] = False
    prompt[0] = False
    return prompt
