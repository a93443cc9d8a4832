"""Gates: accumulation, padding and chunking change nothing in the gradient."""

import numpy as np
import pytest
import torch
from torch.nn.functional import log_softmax

from leitai.adapters import IA3, AdaLoRA, DoRA, Full, LoRA, apply_method
from leitai.models import load_decoder
from leitai.training import loss
from leitai.training.batches import EncodedRow, collate, window_parts


def make_rows(count, vocab, seed=0, weighted=False):
    draws = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        length = int(draws.integers(4, 25))
        ids = draws.integers(0, vocab, size=length)
        targets = np.arange(length - int(draws.integers(1, 4)), length)
        weights = np.ones(len(targets), np.float32)
        if weighted:
            targets = np.arange(1, length)
            weights = draws.choice([0.25, 1.0], size=length - 1).astype(np.float32)
        answer = np.ones(len(targets), bool)
        rows.append(EncodedRow(ids, targets, ids[targets], weights, answer, f"row {number}"))
    return rows


def with_prefix(row, prefix):
    return EncodedRow(
        np.concatenate([prefix, row.ids]),
        row.targets + len(prefix),
        row.labels,
        row.weights,
        row.answer,
        row.source,
    )


METHODS = [Full(), LoRA(rank=3)]
MORE = [DoRA(rank=3), AdaLoRA(rank=3, target_rank=2), IA3()]


@pytest.fixture(params=METHODS, ids=[method.name for method in METHODS])
def decoder(checkpoint, request):
    decoder = load_decoder(checkpoint)
    apply_method(decoder, request.param, seed=1)
    generator = torch.Generator().manual_seed(0)
    for name, parameter in decoder.named_parameters():
        if name.rpartition(".")[2] in ("lora_E", "ia3_l") or "lora_B" in name:
            with torch.no_grad():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return decoder


def gradients(decoder, batches):
    weight = sum(batch.weight for batch in batches)
    losses = [loss.loss_sum(decoder, batch) / weight for batch in batches]
    for part in losses:
        part.backward()
    found = {n: p.grad.clone() for n, p in decoder.named_parameters() if p.grad is not None}
    decoder.zero_grad()
    return found, sum(part.item() for part in losses)


def reference(decoder, rows):
    """One row at a time, whole logits, double precision, the formula as it stands on paper."""
    decoder = decoder.double()
    total = sum(float(row.weights.sum()) for row in rows)
    mean = torch.zeros((), dtype=torch.float64)
    for row in rows:
        logits = decoder.logits(decoder(torch.from_numpy(row.ids)[None]))[0]
        for place, weight in zip(row.targets, row.weights, strict=True):
            mean = mean - weight * log_softmax(logits[place - 1], -1)[row.ids[place]] / total
    mean.backward()
    found = {n: p.grad.float() for n, p in decoder.named_parameters() if p.grad is not None}
    decoder.zero_grad()
    decoder.float()
    return found, mean.item()


def assert_same(found, expected, tolerance=1e-5):
    assert found[0].keys() == expected[0].keys()
    assert found[1] == pytest.approx(expected[1], rel=tolerance)
    for name, gradient in expected[0].items():
        difference = (found[0][name] - gradient).norm() / gradient.norm()
        assert difference < tolerance, name


@pytest.mark.parametrize("count", [16, 13])
@pytest.mark.parametrize("weighted", [False, True])
def test_accumulation_changes_nothing(decoder, count, weighted):
    rows = make_rows(count, decoder.config.vocab_size, weighted=weighted)
    expected = reference(decoder, rows)
    for size in (16, 4, 1):
        assert_same(
            gradients(decoder, [collate(p) for p in window_parts(rows, size, 1000)]), expected
        )


def test_the_budget_of_tokens_changes_nothing(decoder):
    rows = make_rows(6, decoder.config.vocab_size)
    expected = gradients(decoder, [collate(rows)])
    parts = [collate(part) for part in window_parts(rows, 6, 30)]
    assert len(parts) > 1
    assert_same(gradients(decoder, parts), expected)


@pytest.mark.parametrize("decoder", METHODS + MORE, indirect=True, ids=lambda method: method.name)
@pytest.mark.parametrize("weighted", [False, True])
def test_shared_prefixes_change_nothing(decoder, weighted):
    """An instruction before all rows, and rows that occur twice."""
    rows = make_rows(5, decoder.config.vocab_size, weighted=weighted)
    rows = [with_prefix(row, np.arange(40) % 11) for row in [*rows, rows[2]]]
    batch = collate(rows)
    assert batch.ids.shape[1] < sum(len(row.ids) for row in rows) - 5 * 40
    assert batch.tokens == sum(len(row.ids) for row in rows)
    assert_same(gradients(decoder, [batch]), reference(decoder, rows))


@pytest.mark.parametrize("chunk_rows", [1, 5, 1000])
@pytest.mark.parametrize("weighted", [False, True])
def test_chunks_change_nothing(decoder, monkeypatch, chunk_rows, weighted):
    rows = make_rows(9, decoder.config.vocab_size, weighted=weighted)
    batch = collate(rows)
    expected = gradients(decoder, [batch])
    total = loss.loss_sum(decoder, batch).item()
    monkeypatch.setattr(loss, "CHUNK_BYTES", chunk_rows * 4 * decoder.config.vocab_size)
    assert_same(gradients(decoder, [batch]), expected)
    assert loss.loss_sum(decoder, batch).item() == pytest.approx(total, rel=1e-6)
    assert total / batch.weight == pytest.approx(expected[1], rel=1e-6)


def test_measuring_leaves_no_gradient(decoder):
    with torch.no_grad():
        value = loss.loss_sum(decoder, collate(make_rows(3, decoder.config.vocab_size)))
    assert not value.requires_grad
    assert all(parameter.grad is None for parameter in decoder.parameters())
