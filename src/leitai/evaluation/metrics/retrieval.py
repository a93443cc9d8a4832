"""How well embeddings find what belongs to a query."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray


def retrieval_metrics(
    queries: NDArray[np.float32],
    documents: NDArray[np.float32],
    relevant: Sequence[Collection[int]],
    *,
    cutoffs: Sequence[int] = (1, 5, 10),
) -> dict[str, float]:
    """Rank all documents by cosine for each query; return recall at each cutoff and MRR.

    Recall at k is the share of queries with a relevant document among the first k; the mean
    reciprocal rank (MRR) takes the first relevant one. Of equal scores, a wrong document is taken
    to stand first, so that embeddings that are all alike find nothing.

    Args:
        queries: [Q, hidden].
        documents: [D, hidden].
        relevant: for each query, the indices of the documents that belong to it, at least one.
        cutoffs: k.
    """
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True).clip(1e-12) for x in (queries, documents)]
    scores = unit[0] @ unit[1].T
    ranks = np.empty(len(queries))
    for number, found in enumerate(relevant):
        right = np.zeros(len(documents), dtype=bool)
        right[list(found)] = True
        best = scores[number, right].max()
        ranks[number] = 1 + (scores[number, ~right] >= best).sum()
    metrics = {f"recall@{k}": float((ranks <= k).mean()) for k in cutoffs}
    return metrics | {"mrr": float((1 / ranks).mean())}
