"""From logits to the next token: greedy, or random with the usual restrictions."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from leitai.base import LeitaiError


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. The restrictions apply in the order they are listed.

    Attributes:
        repetition_penalty: divides positive and multiplies negative logits of tokens that stand in
            the prompt or the answer so far (Keskar et al., arXiv 1909.05858); 1 leaves them.
        temperature: divides the logits; 0 takes the most probable token and needs no seed.
        top_k: keeps the k most probable tokens; 0 keeps all.
        top_p: keeps the fewest tokens whose probabilities reach p (Holtzman et al., arXiv
            1904.09751); 1 keeps all.
        min_p: keeps tokens at least this fraction as probable as the best (arXiv 2407.01082).
        seed: of the draw.
    """

    repetition_penalty: float = 1.0
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values outside their range.

        Raises:
            LeitaiError: names the setting.
        """
        ranges = {
            "repetition_penalty": (0 < self.repetition_penalty < 100, "above 0 and below 100"),
            "temperature": (0 <= self.temperature <= 100, "from 0 to 100"),
            "top_k": (isinstance(self.top_k, int) and self.top_k >= 0, "0 or a positive integer"),
            "top_p": (0 < self.top_p <= 1, "above 0 and at most 1"),
            "min_p": (0 <= self.min_p <= 1, "from 0 to 1"),
            "seed": (isinstance(self.seed, int), "an integer"),
        }
        for name, (good, expected) in ranges.items():
            if not good:
                raise LeitaiError(f"expected a value {expected}", where=name, remedy="change it")


# Below it, logits divided by the temperature leave float32; above, only exact ties are still drawn.
_LEAST_TEMPERATURE = 1e-6


class Sampler:
    """Chooses tokens for one row, with a random stream of its own.

    The stream follows from the seed and the prompt, so what a row draws depends neither on the
    other rows of its batch nor on its place among them.
    """

    def __init__(self, sampling: Sampling, prompt: Sequence[int], vocab_size: int) -> None:
        """Begin a row.

        Args:
            sampling: the settings.
            prompt: the row's prompt; its tokens count as used for the repetition penalty.
            vocab_size: the number of logits.
        """
        self._sampling = sampling
        self._used = torch.zeros(vocab_size, dtype=torch.bool)
        self._used[list(prompt)] = True
        digest = hashlib.sha256(repr((sampling.seed, tuple(prompt))).encode()).digest()
        self._generator = torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)

    @property
    def is_plain_greedy(self) -> bool:
        """Whether the next token is the argmax of the logits as they are."""
        return self._sampling.temperature == 0 and self._sampling.repetition_penalty == 1.0

    def next(self, logits: Tensor) -> int:
        """Choose the next token by its logits [V], and remember it."""
        scores = logits.float().cpu()
        if self._sampling.repetition_penalty != 1.0:
            scores = penalise(scores, self._used, self._sampling.repetition_penalty)
        if self._sampling.temperature == 0:
            chosen = int(scores.argmax())
        else:
            kept = restrict(scores, self._sampling)
            # An exponential race: argmax of p / E with E ~ Exp(1) draws from p. Unlike walking the
            # cumulated probabilities, it is moved by a rounding error in one logit only when the
            # two front runners are that close.
            noise = torch.empty_like(kept).exponential_(generator=self._generator)
            chosen = int((kept.softmax(dim=-1) / noise).argmax())
        self._used[chosen] = True
        return chosen


def penalise(scores: Tensor, used: Tensor, penalty: float) -> Tensor:
    """Make used tokens less probable (more, if `penalty` < 1); both tensors [V]."""
    changed = torch.where(scores < 0, scores * penalty, scores / penalty)
    return torch.where(used, changed, scores)


def restrict(scores: Tensor, sampling: Sampling) -> Tensor:
    """Apply temperature, top-k, top-p and min-p to logits [V]; dropped tokens become -inf.

    Each restriction sees the probabilities that the one before it leaves, and at least one token
    stays.
    """
    scores = scores / max(sampling.temperature, _LEAST_TEMPERATURE)
    if 0 < sampling.top_k < len(scores):
        scores = scores.masked_fill(scores < scores.topk(sampling.top_k).values[-1], -torch.inf)
    if sampling.top_p < 1:
        ordered, index = scores.sort()
        # Summed from the least probable on: a token goes if it and all less probable ones
        # together hold no more than 1 - p.
        dropped = ordered.softmax(dim=-1).cumsum(dim=-1) <= 1 - sampling.top_p
        dropped[-1] = False
        scores = scores.masked_fill(
            torch.zeros_like(dropped).scatter(0, index, dropped), -torch.inf
        )
    if sampling.min_p > 0:
        probabilities = scores.softmax(dim=-1)
        low = probabilities < sampling.min_p * probabilities.max()
        scores = scores.masked_fill(low, -torch.inf)
    return scores
