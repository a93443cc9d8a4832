"""A decoder over a forest against the plain padded computation: outputs, loss, every gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from leitai.forest import ForestScope, plant
from leitai.models import init_decoder, scratch_config

PRESETS = ["qwen2-nano", "qwen3-nano", "llama3-nano"]
stems = st.lists(st.integers(0, 30), min_size=2, max_size=30)


@st.composite
def dialogues(draw):
    """Rows that share a stem, a part of it, or nothing."""
    stem = draw(stems)
    cuts = draw(st.lists(st.integers(0, len(stem)), min_size=1, max_size=6))
    return [[*stem[:cut], *draw(stems)] for cut in cuts]


@pytest.mark.parametrize("name", PRESETS)
@settings(deadline=None, max_examples=8)
@given(rows=dialogues())
def test_loss_and_gradients_equal_the_padded_ones(name, rows):
    decoder = init_decoder(scratch_config(name, 40), 3)
    padded = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    labels = torch.full_like(padded, -100)
    for number, row in enumerate(rows):
        padded[number, : len(row)] = torch.tensor(row)
        labels[number, : len(row) - 1] = torch.tensor(row[1:])
    expected = cross_entropy(
        decoder.logits(decoder(padded)).flatten(0, 1), labels.flatten(), reduction="sum"
    )
    expected.backward()
    gradients = {n: p.grad for n, p in decoder.named_parameters()}
    decoder.zero_grad(set_to_none=True)

    forest = plant(rows, min_saving=1)
    hidden = decoder(torch.from_numpy(forest.ids)[None], scope=ForestScope(forest))[0]
    logits = decoder.logits(hidden)
    loss = torch.zeros(())
    for number, row in enumerate(rows):
        places = torch.from_numpy(forest.places(number))[:-1]
        loss = loss + cross_entropy(logits[places], torch.tensor(row[1:]), reduction="sum")
    loss.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    for parameter, value in decoder.named_parameters():
        torch.testing.assert_close(
            value.grad, gradients[parameter], rtol=1e-5, atol=1e-5 * expected.item(), msg=parameter
        )
