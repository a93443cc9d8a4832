"""Log-probabilities of continuations; how requests are batched does not change them in float32.

In bfloat16 it changes them by rounding (0.05 nats were seen), and with 8- and 4-bit weights by the
activations' rounding too, which passes of a few tokens do and larger ones do not (0.06).

All requests together are one prefix forest: instructions, examples, contexts and the beginnings of
labels that requests share run once, however many there are. The output head is applied at the
places that predict a continuation's token and nowhere else, a few at a time, so that memory does
not grow with tokens times vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leitai.adapters import Adapters
from leitai.base.memory import reused_memory
from leitai.forest import Forest, Kept, PieceScope, cut, plant
from leitai.models import Decoder

# Unique tokens in one pass of the trunk.
TOKEN_BUDGET = 4_096
# Bytes of the logits that exist at one time; at least this many rows, for the head's weight to be
# read seldom.
LOGIT_BYTES = 64 << 20
LOGIT_ROWS = 64

Ids = tuple[int, ...]
Ints = NDArray[np.int64]
Request = tuple[Ids, Ids]


@dataclass(frozen=True, slots=True)
class Score:
    """What a model makes of a continuation.

    Attributes:
        logprob: natural logarithm of its probability given the context: the sum over its tokens.
        tokens: how many tokens it has.
        bytes: how many bytes of UTF-8 it has.
        greedy: whether each of its tokens is a most probable one at its place.
    """

    logprob: float
    tokens: int
    bytes: int
    greedy: bool


@dataclass(slots=True)
class Tally:
    """The log-probability of each token of one request, and whether all are greedy."""

    logprobs: list[float]
    greedy: bool = True


def score_requests(decoder: Decoder, requests: Sequence[Request]) -> list[Tally]:
    """Score continuations given contexts.

    Args:
        decoder: the model, in evaluation mode.
        requests: (context ids, continuation ids), neither empty.

    Returns:
        For each request, in order, the log-probabilities of its tokens and whether all are greedy.
    """
    if not requests:
        return []
    # The last token is predicted, and predicts nothing.
    forest = plant([(*context, *rest[:-1]) for context, rest in requests])
    questions = _Questions.of(forest, requests)
    logprobs = torch.empty(len(questions.places), dtype=torch.float64)
    greedy = torch.empty(len(questions.places), dtype=torch.bool)
    kept = Kept()
    with torch.inference_mode(), reused_memory():
        for piece in cut(forest, TOKEN_BUDGET):
            ids = torch.from_numpy(piece.forest.ids)[None].to(decoder.device)
            first, last = np.searchsorted(questions.places, [piece.start, piece.stop]).tolist()
            own = slice(first, last)
            places = torch.from_numpy(questions.places[own] - piece.start)
            rows, row_of = torch.unique_consecutive(places, return_inverse=True)
            scope = PieceScope(piece, kept)
            hidden = decoder(ids, scope=scope, places=rows.to(decoder.device))[0]
            targets = torch.from_numpy(questions.targets[own])
            logprobs[own], greedy[own] = _read(decoder, hidden, row_of, targets)
    return [
        Tally(logprobs[places].tolist(), bool(greedy[places].all()))
        for places in map(torch.from_numpy, questions.of_request)
    ]


def score_by_adapter(
    decoder: Decoder,
    requests: Sequence[Request],
    adapters: Adapters,
    chosen: Sequence[str | None],
) -> list[Tally]:
    """Score requests that name adapters: those of each adapter are a forest of their own.

    Args:
        decoder: the model, in evaluation mode.
        requests: (context ids, continuation ids), neither empty.
        adapters: those on the decoder.
        chosen: the adapter of each request, None for the base alone.
    """
    found: dict[int, Tally] = {}
    for name in dict.fromkeys(chosen):
        own = [number for number, adapter in enumerate(chosen) if adapter == name]
        with adapters.only(name):
            tallies = score_requests(decoder, [requests[number] for number in own])
        found |= zip(own, tallies, strict=True)
    return [found[number] for number in range(len(requests))]


@dataclass(frozen=True, slots=True)
class _Questions:
    """What is asked of the forest, each question once: the probability of a token at a place.

    Attributes:
        places: in the forest, ascending, [Q].
        targets: the token asked for, [Q].
        of_request: for each request, which questions are those of its tokens, in their order.
    """

    places: Ints
    targets: Ints
    of_request: list[Ints]

    @classmethod
    def of(cls, forest: Forest, requests: Sequence[Request]) -> "_Questions":
        """Collect the questions of all requests."""
        places = np.concatenate(
            [
                forest.places(number)[len(context) - 1 :]
                for number, (context, _) in enumerate(requests)
            ]
        )
        targets = np.concatenate([np.asarray(rest, dtype=np.int64) for _, rest in requests])
        pairs, owner = np.unique(np.stack([places, targets]), axis=1, return_inverse=True)
        stops = np.cumsum([len(rest) for _, rest in requests])
        return cls(pairs[0], pairs[1], np.split(owner.ravel(), stops[:-1]))


def _read(
    decoder: Decoder, hidden: Tensor, row_of: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Apply the output head, a few rows at a time, and look up the targets.

    Args:
        decoder: whose head it is.
        hidden: the rows that predict something, [R, D].
        row_of: for each target, the row that predicts it, ascending, [Q].
        targets: [Q].

    Returns:
        Log-probabilities in float64, and whether each target is a most probable token, [Q] each.
    """
    logprobs = torch.empty(len(targets), dtype=torch.float64)
    greedy = torch.empty(len(targets), dtype=torch.bool)
    size = max(LOGIT_ROWS, LOGIT_BYTES // (4 * decoder.config.vocab_size))
    for first in range(0, len(hidden), size):
        logits = decoder.logits(hidden[first : first + size]).float()
        start, stop = torch.searchsorted(row_of, torch.tensor([first, first + size])).tolist()
        own = row_of[start:stop].to(hidden.device) - first
        found = logits[own, targets[start:stop].to(hidden.device)]
        best = logits.amax(dim=-1)
        # log-softmax = x - max - log(sum(exp(x - max))), in place.
        total = logits.sub_(best[:, None]).exp_().sum(dim=-1).log()
        logprobs[start:stop] = (found - best[own] - total[own]).double().cpu()
        greedy[start:stop] = (found >= best[own]).cpu()
    return logprobs, greedy
