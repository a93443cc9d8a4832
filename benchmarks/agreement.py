"""Whether both sides did the same work: each kind of answer against the other side's."""

from collections.abc import Callable
from typing import Any

Answers = dict[str, Any]
Verdict = tuple[bool, str]

# By number format: relative for losses, nats a continuation for log-probabilities. What is allowed
# is rounding, carried through the blocks and steps; in bfloat16 two equally right ways of computing
# may also choose differently between continuations that are as likely.
LOSS_TOLERANCE = {"float32": 1e-3, "bfloat16": 2e-2}
LOGPROB_TOLERANCE = {"float32": 1e-2, "bfloat16": 0.5}


def _losses(ours: Answers, theirs: Answers, dtype: str) -> Verdict:
    pairs = list(zip(ours["losses"], theirs["losses"], strict=True))
    worst = max(abs(a - b) / abs(b) for a, b in pairs)
    return worst <= LOSS_TOLERANCE[dtype], f"losses within {worst:.0e}"


def _predictions(ours: Answers, theirs: Answers, dtype: str) -> Verdict:
    # a peer may do the first items alone
    pairs = list(zip(ours["logprobs"], theirs["logprobs"], strict=False))
    same = sum(a.index(max(a)) == b.index(max(b)) for a, b in pairs)
    worst = max(abs(a - b) for one, other in pairs for a, b in zip(one, other, strict=True))
    fine = worst <= LOGPROB_TOLERANCE[dtype] and (dtype != "float32" or same == len(pairs))
    return fine, f"{same} of {len(pairs)} predictions, log-probabilities within {worst:.0e}"


def _ids(ours: Answers, theirs: Answers, dtype: str) -> Verdict:
    pairs = [
        (a, b)
        for one, other in zip(ours["ids"], theirs["ids"], strict=True)
        for a, b in zip(one, other, strict=True)
    ]
    same = sum(a == b for a, b in pairs)
    return same == len(pairs), f"{same} of {len(pairs)} ids"


def _weights(ours: Answers, theirs: Answers, dtype: str) -> Verdict:
    same = ours["checksum"] == theirs["checksum"]
    return same, "the same sum of weights" if same else "another sum of weights"


_CHECKS: dict[str, Callable[[Answers, Answers, str], Verdict]] = {
    "train": _losses,
    "dpo": _losses,
    "score": _predictions,
    "generate": _ids,
    "load": _weights,
}


def compare(kind: str, ours: Answers, theirs: Answers, dtype: str) -> Verdict:
    """Return whether the answers agree, and how well in words."""
    return _CHECKS[kind](ours, theirs, dtype)
