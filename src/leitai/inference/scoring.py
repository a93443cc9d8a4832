"""Log-probabilities of continuations; how requests are batched does not change them.

Requests with one context share its computation: the context runs once, and its continuations run as
branches over its keys and values. All others run in right-padded batches of similar lengths. The
output head is applied at the rows that predict a continuation's token and nowhere else, a few rows
at a time, so that memory does not grow with tokens times vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from leitai.inference.batches import by_length, pad
from leitai.models import BranchCache, Decoder, KeyValueCache

# Tokens in one pass of the trunk, padding included. What fits the CPU's caches is fastest there.
TOKEN_BUDGET = 2_048
# Bytes of the logits that exist at one time; at least this many rows, for the head's weight to be
# read seldom.
LOGIT_BYTES = 16 << 20
LOGIT_ROWS = 64
# Bytes of one layer's keys and values that are gathered for the branches of one pass.
BRANCH_BYTES = 64 << 20

Ids = tuple[int, ...]
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


class _Prediction(NamedTuple):
    """Token number `place` of a request is `target`, predicted at hidden[row, step]."""

    row: int
    step: int
    target: int
    tally: Tally
    place: int


def score_requests(decoder: Decoder, requests: Sequence[Request]) -> list[Tally]:
    """Score continuations given contexts.

    Args:
        decoder: the model, in evaluation mode.
        requests: (context ids, continuation ids), neither empty.

    Returns:
        For each request, in order, the log-probabilities of its tokens and whether all are greedy.
    """
    tallies = {request: Tally([0.0] * len(request[1])) for request in requests}
    children: dict[Ids, list[Ids]] = {}
    for context, rest in tallies:
        children.setdefault(context, []).append(rest)
    alone = [(context, rests[0]) for context, rests in children.items() if len(rests) == 1]
    shared = [context for context, rests in children.items() if len(rests) > 1]
    with torch.inference_mode():
        for whole in by_length(alone, lambda r: len(r[0]) + len(r[1]) - 1, TOKEN_BUDGET):
            _score_whole(decoder, [(request, tallies[request]) for request in whole])
        for contexts in by_length(shared, len, TOKEN_BUDGET):
            branches = [
                (parent, rest, tallies[context, rest])
                for parent, context in enumerate(contexts)
                for rest in children[context]
            ]
            _score_branches(decoder, contexts, branches)
    return [tallies[request] for request in requests]


def _score_whole(decoder: Decoder, batch: list[tuple[Request, Tally]]) -> None:
    """Run each request as one sequence."""
    hidden = decoder(pad([(*context, *rest[:-1]) for (context, rest), _ in batch], decoder.device))
    predictions = [
        _Prediction(row, len(context) - 1 + index, target, tally, index)
        for row, ((context, rest), tally) in enumerate(batch)
        for index, target in enumerate(rest)
    ]
    _read(decoder, hidden, predictions)


def _score_branches(
    decoder: Decoder, contexts: list[Ids], branches: list[tuple[int, Ids, Tally]]
) -> None:
    """Run each context once, then the continuations over its keys and values."""
    config = decoder.config
    prefix = KeyValueCache(config, len(contexts), device=decoder.device)
    hidden = decoder(pad(contexts, decoder.device), scope=prefix)
    prefix.set_lengths([len(context) for context in contexts])
    # The context's last row predicts the first token of every continuation.
    last = [len(context) - 1 for context in contexts]
    firsts = [
        _Prediction(parent, last[parent], rest[0], tally, 0) for parent, rest, tally in branches
    ]
    _read(decoder, hidden, firsts)
    longer = [branch for branch in branches if len(branch[1]) > 1]
    slot_bytes = 2 * config.num_key_value_heads * config.head_dim * decoder.dtype.itemsize
    most = max(
        1, BRANCH_BYTES // (slot_bytes * (prefix.longest + max(map(_length, longer), default=0)))
    )
    for batch in by_length(longer, _length, TOKEN_BUDGET, most):
        ids = pad([rest[:-1] for _, rest, _ in batch], decoder.device)
        hidden = decoder(ids, scope=BranchCache(prefix, [parent for parent, _, _ in batch]))
        predictions = [
            _Prediction(row, index - 1, rest[index], tally, index)
            for row, (_, rest, tally) in enumerate(batch)
            for index in range(1, len(rest))
        ]
        _read(decoder, hidden, predictions)


def _length(branch: tuple[int, Ids, Tally]) -> int:
    return len(branch[1]) - 1


def _read(decoder: Decoder, hidden: Tensor, predictions: list[_Prediction]) -> None:
    """Apply the output head at the rows that are asked for and enter what it says of the targets.

    Args:
        decoder: whose head it is.
        hidden: [R, T, D].
        predictions: which rows, and the tokens to look up.
    """
    steps, device = hidden.shape[1], hidden.device
    predictions = sorted(predictions, key=lambda p: (p.row, p.step))
    places = torch.tensor([p.row * steps + p.step for p in predictions])
    rows, row_of = torch.unique_consecutive(places, return_inverse=True)
    targets = torch.tensor([p.target for p in predictions], device=device)
    flat = hidden.flatten(0, 1)
    size = max(LOGIT_ROWS, LOGIT_BYTES // (4 * decoder.config.vocab_size))
    for first in range(0, len(rows), size):
        logits = decoder.logits(flat[rows[first : first + size].to(device)]).float()
        start, stop = torch.searchsorted(row_of, torch.tensor([first, first + size])).tolist()
        own = row_of[start:stop].to(device) - first
        found = logits[own, targets[start:stop]]
        best = logits.amax(dim=-1)
        # log-softmax = x - max - log(sum(exp(x - max))), in place.
        total = logits.sub_(best[:, None]).exp_().sum(dim=-1).log()
        logprobs = (found - best[own] - total[own]).tolist()
        greedy = (found >= best[own]).tolist()
        for prediction, logprob, is_best in zip(
            predictions[start:stop], logprobs, greedy, strict=True
        ):
            prediction.tally.logprobs[prediction.place] = logprob
            prediction.tally.greedy &= is_best
