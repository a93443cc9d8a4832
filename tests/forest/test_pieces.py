"""A forest in pieces gives what it gives in one pass."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leitai.forest import ForestScope, Kept, PieceScope, cut, plant

sequences = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=30), min_size=1, max_size=9)


@given(sequences, st.integers(1, 60))
def test_pieces_hold_every_token_once_and_in_order(rows, tokens):
    forest = plant(rows, min_saving=1)
    pieces = list(cut(forest, tokens))
    assert np.concatenate([piece.forest.ids for piece in pieces]).tolist() == forest.ids.tolist()
    longest = max(segment.stop - segment.start for segment in forest.segments)
    assert all(len(piece.forest.ids) <= max(tokens, longest) for piece in pieces)


@pytest.mark.parametrize("path", ["kernel", "masked"])
@settings(deadline=None, max_examples=60)
@given(rows=sequences, tokens=st.integers(1, 60))
def test_attention_in_pieces_equals_attention_at_once(path, rows, tokens):
    forest = plant(rows, min_saving=1)
    torch.manual_seed(len(forest.ids))
    q, k, v = (
        torch.randn(1, heads, len(forest.ids), 8, dtype=torch.float64) for heads in (4, 2, 2)
    )
    expected = ForestScope(forest).attend(0, q, k, v)
    kept, found = Kept(), []
    for piece in cut(forest, tokens):
        own = slice(piece.start, piece.stop)
        scope = PieceScope(piece, kept)
        assert scope.begin(own.stop - own.start, torch.device("cpu")).tolist() == [
            forest.positions[own].tolist()
        ]
        before = [kept.get(segment, 0) for segment in piece.ancestors]
        parts = [x[:, :, own] for x in (q, k, v)]
        for layer in range(2):  # what another layer keeps does not matter to the first
            out = scope.attend(layer, *parts)
        if path == "masked":
            out = scope._attend_masked(parts[0], [*before, (parts[1], parts[2])])
        scope.finish(own.stop - own.start)
        found.append(out)
    torch.testing.assert_close(torch.cat(found, dim=2), expected, rtol=1e-12, atol=1e-12)
    assert not kept._layers  # nothing is kept longer than it is needed
