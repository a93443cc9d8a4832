"""Whether an answer agrees with the dialogue before it, and whether it says anything new."""

from collections.abc import Mapping, Sequence

from leitai.data.turns import names, pattern_of

RUN = 4
"""Characters a run in `repetition`."""


def contradictions(
    answer: str, accepted: Sequence[str], rivals: Mapping[str, Sequence[str]]
) -> list[tuple[str, str]]:
    """Return (slot, value) for each value in an answer that another value of its slot excludes.

    Values are found by name, so a contradiction in other words goes unseen: the share is a lower
    bound. What is part of an accepted value does not count ("Friday" in "next Friday").

    Args:
        answer: what was written.
        accepted: values that the dialogue, its knowledge or the reference names.
        rivals: by slot, other values.
    """
    rest = answer
    for value in sorted(accepted, key=len, reverse=True):
        rest = pattern_of(value).sub("\n", rest)
    return [
        (slot, value) for slot, values in rivals.items() for value in values if names(rest, value)
    ]


def repetition(answer: str, earlier: Sequence[str]) -> float:
    """Return the largest share of an answer's runs of 4 characters that one earlier answer has.

    White space is left out. 1 means that an earlier answer holds the whole of this one; 0 that
    nothing is repeated, or that there is nothing to compare.

    Args:
        answer: what was written.
        earlier: the same speaker's turns before.
    """
    runs = _runs(answer)
    return (
        max((len(runs & _runs(text)) / len(runs) for text in earlier), default=0.0) if runs else 0.0
    )


def _runs(text: str) -> set[str]:
    packed = "".join(text.split())
    return {packed[at : at + RUN] for at in range(len(packed) - RUN + 1)}
