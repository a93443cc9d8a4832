"""Guessing the next tokens from what stands in the text already, to check several in one pass.

Prompt lookup (Saxena, github.com/apoorvumang/prompt-lookup-decoding): if the last few tokens stood
earlier in the prompt or the answer, what followed there is the guess. The pass that would have
written one token then reads the guess too; tokens are chosen as without it, one after the other,
and the first that differs from the guess ends the step. In float32 the text is the same. In fewer
bits a pass of more tokens rounds otherwise, as any larger batch does, so that near ties may fall to
the other side.
"""

import math
from collections.abc import Sequence

NGRAM = 3
MOST = 16
# A pass reads every weight once, which takes as long as the arithmetic of about so many tokens. On
# two Zen 4 cores in bfloat16: 24.
FREE_TOKENS = {"cpu": 24, "cuda": 256}
_RATE = 0.15  # of the moving average
_FIRST_PAUSE, _LONGEST_PAUSE = 16, 512


def worthwhile(acceptance: float, load: int, free: int) -> int:
    """Return how many tokens to guess.

    With `load` tokens in a pass of cost `free + load`, one more must bring its share of the pass's
    yield: the i-th guess is right with probability acceptance^i and costs load / (free + load) of a
    token.

    Args:
        acceptance: the probability that a guess is right, if those before it were.
        load: tokens of the pass without guesses.
        free: see `FREE_TOKENS`.
    """
    price = load / (free + load)
    if acceptance <= price:
        return 0
    return min(MOST, int(math.log(price) / math.log(min(acceptance, 0.99))))


class Speculator:
    """Guesses for one row, as many as pay."""

    def __init__(self, free: int) -> None:
        """Begin a row; `free` is the device's `FREE_TOKENS`."""
        self._free = free
        self._places: dict[tuple[int, ...], int] = {}
        self._indexed = NGRAM
        self._acceptance = 0.5
        self._idle = 0
        self._pause = _FIRST_PAUSE

    def propose(self, tokens: Sequence[int], load: int, most: int) -> list[int]:
        """Guess what follows `tokens`.

        Args:
            tokens: prompt and answer so far.
            load: tokens of the coming pass without guesses.
            most: guesses at most.

        Returns:
            The guess, empty if there is none or none would pay.
        """
        count = worthwhile(self._acceptance, load, self._free)
        if not count:
            # Now and then one guess, for the text may have changed its nature.
            self._idle += 1
            if self._idle < self._pause or load >= self._free:
                return []
            self._idle, self._pause = 0, min(2 * self._pause, _LONGEST_PAUSE)
            count = 1
        # n-grams that end before the last token; the last one is what is looked up.
        for end in range(self._indexed, len(tokens)):
            self._places[tuple(tokens[end - NGRAM : end])] = end
        self._indexed = max(self._indexed, len(tokens))
        place = self._places.get(tuple(tokens[-NGRAM:]))
        if place is None:
            return []
        guess: list[int] = []
        for at in range(place, place + min(count, most)):
            guess.append(tokens[at] if at < len(tokens) else guess[at - len(tokens)])
        return guess

    def learn(self, proposed: int, accepted: int) -> None:
        """Take in how many tokens of the last guess were right."""
        for right in [1.0] * accepted + [0.0] * (accepted < proposed):
            self._acceptance += _RATE * (right - self._acceptance)
        if accepted:
            self._pause = _FIRST_PAUSE
