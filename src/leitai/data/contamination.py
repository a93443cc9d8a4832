"""Long runs of words that test rows share with training rows (Brown et al., arXiv 2005.14165, C).

Thirteen words in a row are hardly ever written twice by chance. In Chinese text, characters count
as words. Case, width, punctuation and spacing do not count.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from leitai.data.duplicates import question
from leitai.data.rows import Row

LENGTH = 13
"""Words of a run."""

_COMMON = 0.05
"""A run in more than this share of the training rows, and in more than two, is an instruction."""

_WORD = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3400-\u9fff\uf900-\ufaff]+")


def words(text: str) -> list[str]:
    """Cut a text into words and Chinese characters."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def runs(text: str) -> set[tuple[str, ...]]:
    """Return every run of `LENGTH` words of a text; none when it is shorter."""
    found = words(text)
    return {tuple(found[at : at + LENGTH]) for at in range(len(found) - LENGTH + 1)}


def shared_runs(train: Sequence[Row], test: Sequence[Row]) -> list[str]:
    """Return the ids of test rows whose question shares a run with a training row.

    The training row's answer counts too. Runs that many training rows have are a task's
    instruction and do not count.
    """
    known: Counter[tuple[str, ...]] = Counter()
    for row in train:
        answer = str(row.messages[-1].get("content", ""))
        known.update(runs(question(row) + "\n" + answer))
    most = max(2, _COMMON * len(train))
    told = {run for run, count in known.items() if count <= most}
    return [row.id for row in test if not told.isdisjoint(runs(question(row)))]
