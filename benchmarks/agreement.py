"""Whether both sides did the same work: each kind of answer against the other side's."""

from collections.abc import Callable
from typing import Any

Answers = dict[str, Any]
Verdict = tuple[bool, str]

LOSS_TOLERANCE = 1e-3  # relative; rounding, carried through the steps
LOGPROB_TOLERANCE = 1e-2  # nats a continuation


def _losses(ours: Answers, theirs: Answers) -> Verdict:
    pairs = list(zip(ours["losses"], theirs["losses"], strict=True))
    worst = max(abs(a - b) / abs(b) for a, b in pairs)
    return worst <= LOSS_TOLERANCE, f"losses within {worst:.0e}"


def _predictions(ours: Answers, theirs: Answers) -> Verdict:
    pairs = list(zip(ours["logprobs"], theirs["logprobs"], strict=True))
    same = sum(a.index(max(a)) == b.index(max(b)) for a, b in pairs)
    worst = max(abs(a - b) for one, other in pairs for a, b in zip(one, other, strict=True))
    fine = same == len(pairs) and worst <= LOGPROB_TOLERANCE
    return fine, f"{same} of {len(pairs)} predictions, log-probabilities within {worst:.0e}"


def _ids(ours: Answers, theirs: Answers) -> Verdict:
    pairs = [
        (a, b)
        for one, other in zip(ours["ids"], theirs["ids"], strict=True)
        for a, b in zip(one, other, strict=True)
    ]
    same = sum(a == b for a, b in pairs)
    return same == len(pairs), f"{same} of {len(pairs)} ids"


def _weights(ours: Answers, theirs: Answers) -> Verdict:
    same = ours["checksum"] == theirs["checksum"]
    return same, "the same sum of weights" if same else "another sum of weights"


_CHECKS: dict[str, Callable[[Answers, Answers], Verdict]] = {
    "train": _losses,
    "score": _predictions,
    "generate": _ids,
    "load": _weights,
}


def compare(kind: str, ours: Answers, theirs: Answers) -> Verdict:
    """Return whether the answers agree, and how well in words."""
    return _CHECKS[kind](ours, theirs)
