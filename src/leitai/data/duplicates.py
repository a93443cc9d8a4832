"""Near-duplicates: texts that share most of their character n-grams (and, in English, words).

The measure is the Jaccard similarity of two sets of features. A Chinese text's features are its
character 1-, 2- and 3-grams; any other text's are its words and its character 3-grams. Case, width,
punctuation and spacing do not count. All pairs are compared, through sparse matrix products.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from leitai.data.rows import Row

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

THRESHOLD = 0.6
"""Similarity from which two texts count as near-duplicates: the same in nearly the same words."""

_CHUNK = 256

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_NO_TEXT = re.compile(r"[\W_]+")


def features(text: str) -> frozenset[str]:
    """Return what the measure compares; empty for a text without letters or digits."""
    plain = _NO_TEXT.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
    if _HAN.search(plain):
        joined = plain.replace(" ", "")
        return frozenset(_grams(joined, 1) | _grams(joined, 2) | _grams(joined, 3))
    return frozenset({f" {word} " for word in plain.split()} | _grams(plain, 3))


def _grams(text: str, size: int) -> set[str]:
    return {text[start : start + size] for start in range(len(text) - size + 1)}


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """Return the share of common features, from 0 to 1; 0 when both are empty."""
    common = len(left & right)
    return common / (len(left) + len(right) - common) if common else 0.0


def similarity(left: str, right: str) -> float:
    """Return the similarity of two texts, from 0 to 1."""
    return jaccard(features(left), features(right))


def question(row: Row) -> str:
    """Return the text of a row that must not be known from training: all that precedes the answer.

    System messages are left out, because a whole data set shares them.
    """
    asked = (message for message in row.messages[:-1] if message["role"] != "system")
    return "\n".join(str(message.get("content", "")) for message in asked)


def overlap(
    train: Sequence[Row], test: Sequence[Row], *, threshold: float = THRESHOLD
) -> list[tuple[str, str, float]]:
    """Return (train id, test id, similarity) of near-duplicate questions, the worst first.

    A test row is paired with the training row nearest to it, so that the length of the list is the
    number of test rows that leak.
    """
    left = [features(question(row)) for row in train]
    right = [features(question(row)) for row in test]
    best: dict[int, tuple[float, int]] = {}
    for i, j, value in _similar(left, right, threshold):
        if value > best.get(j, (0.0, 0))[0]:
            best[j] = (value, i)
    found = [(train[i].id, test[j].id, value) for j, (value, i) in best.items()]
    return sorted(found, key=lambda pair: (-pair[2], pair[1]))


def near_duplicates(
    texts: Sequence[str], *, threshold: float = THRESHOLD
) -> list[tuple[int, int, float]]:
    """Return (index, later index, similarity) of all near-duplicates among texts, worst first."""
    sets = [features(text) for text in texts]
    pairs = [(i, j, value) for i, j, value in _similar(sets, sets, threshold) if i < j]
    return sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))


def components(count: int, pairs: Sequence[tuple[int, int, float]]) -> list[list[int]]:
    """Join the indices 0 to `count` - 1 that pairs connect; each component sorted, in order."""
    root = list(range(count))

    def find(index: int) -> int:
        while root[index] != index:
            root[index] = root[root[index]]
            index = root[index]
        return index

    for left, right, _ in pairs:
        low, high = sorted((find(left), find(right)))
        root[high] = low
    members: dict[int, list[int]] = defaultdict(list)
    for index in range(count):
        members[find(index)].append(index)
    return [members[key] for key in sorted(members)]


def _similar(
    left: Sequence[frozenset[str]], right: Sequence[frozenset[str]], threshold: float
) -> Iterator[tuple[int, int, float]]:
    """Yield (index in left, index in right, similarity) of all pairs at or above the threshold."""
    import numpy as np

    numbers: dict[str, int] = {}
    for item in left:
        for feature in item:
            numbers.setdefault(feature, len(numbers))
    known = _incidence(left, numbers).T.tocsr()
    left_sizes = np.array([len(item) for item in left])
    for start in range(0, len(right), _CHUNK):
        chunk = right[start : start + _CHUNK]
        common = (_incidence(chunk, numbers) @ known).tocoo()
        sizes = np.array([len(item) for item in chunk])
        values = common.data / (sizes[common.row] + left_sizes[common.col] - common.data)
        for at in np.flatnonzero(values >= threshold):
            yield int(common.col[at]), start + int(common.row[at]), float(values[at])


def _incidence(sets: Sequence[frozenset[str]], numbers: dict[str, int]) -> "csr_matrix":
    """Return the matrix [sets, features] of ones; features without a number are left out."""
    import numpy as np
    from scipy.sparse import csr_matrix

    columns = [[numbers[feature] for feature in item if feature in numbers] for item in sets]
    ends = np.cumsum([0, *map(len, columns)])
    flat = np.fromiter((c for row in columns for c in row), dtype=np.int32, count=int(ends[-1]))
    ones = np.ones(len(flat), dtype=np.int32)
    return csr_matrix((ones, flat, ends), shape=(len(sets), max(len(numbers), 1)))
