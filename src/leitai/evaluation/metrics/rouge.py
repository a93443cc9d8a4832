"""ROUGE-L (Lin, 2004) for Chinese and English alike."""

import re

_UNIT = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[a-z0-9]+")


def rouge_l(written: str, reference: str) -> float:
    """Return the F1 of the longest common subsequence, from 0 to 1.

    A Chinese character is a unit, and so is a run of Latin letters and digits, whatever its case:
    in English that is the usual ROUGE-L without stemming. The rouge-score package drops every
    Chinese character.

    Args:
        written: the answer.
        reference: what it is compared with.
    """
    ours, theirs = _UNIT.findall(written.lower()), _UNIT.findall(reference.lower())
    if not ours or not theirs:
        return 0.0
    common = _longest_common(ours, theirs)
    return 2 * common / (len(ours) + len(theirs))


def _longest_common(a: list[str], b: list[str]) -> int:
    row = [0] * (len(b) + 1)
    for unit in a:
        before = 0
        for place, other in enumerate(b, 1):
            above = row[place]
            row[place] = before + 1 if unit == other else max(above, row[place - 1])
            before = above
    return row[-1]
