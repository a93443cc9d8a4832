"""Label smoothing and NEFTune against transformers' formulas."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from objective_cases import assert_close, check_accumulation, check_resumes, gradients, make, taken
from training_rows import make_rows

from leitai.models import load_decoder
from leitai.training import AdaptSpec
from leitai.training.embedding_noise import embedding_noise
from leitai.training.loss import cross_entropy

METHODS = {"full": {"name": "full"}, "lora": {"name": "lora", "rank": 3, "dropout": 0.2}}


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.6])
def test_smoothing_is_that_of_transformers(checkpoint, tmp_path, epsilon):
    smoother = pytest.importorskip("transformers.trainer_pt_utils").LabelSmoother(epsilon)
    objective, decoder, ready = make(
        checkpoint, tmp_path, method=METHODS["full"], label_smoothing=epsilon
    )
    rows = ready(make_rows(9))
    decoder.train()
    total, count = torch.zeros(()), sum(len(row.targets) for row in rows)
    for row in rows:
        labels = torch.full((1, len(row.ids)), -100)
        labels[0, torch.from_numpy(row.targets)] = torch.from_numpy(row.labels)
        logits = decoder.logits(decoder(torch.from_numpy(row.ids)[None]))
        total = total + smoother({"logits": logits}, labels, shift_labels=True) * len(row.targets)
    (total / count).backward()
    expected = (total / count).item(), taken(decoder)
    for size in (100, 4):
        assert_close(gradients(objective, decoder, rows, size), expected)
    decoder.eval()  # validation is not smoothed
    plain, _, ready = make(checkpoint, tmp_path, method=METHODS["full"])
    assert_close(
        gradients(objective, decoder, rows), gradients(plain, decoder, rows), tolerance=1e-12
    )


def test_no_smoothing_changes_no_bit():
    generator = torch.Generator().manual_seed(1)
    hidden, head = (torch.randn(n, 8, generator=generator) for n in (13, 23))
    targets, weights = torch.randint(23, (13,), generator=generator), torch.ones(13)
    both = [cross_entropy(hidden, head, targets, weights, *more) for more in ((), (0.0,))]
    assert torch.equal(*both)


def test_noise_is_that_of_transformers(qwen):
    hook = pytest.importorskip("transformers.integrations.neftune").neftune_post_forward_hook
    decoder = load_decoder(qwen)
    ids = torch.arange(20)[None]
    plain = decoder.model.embed_tokens(ids)
    torch.manual_seed(5)
    module = SimpleNamespace(training=True, neftune_noise_alpha=7.0)
    theirs = hook(module, None, plain)
    torch.manual_seed(5)
    with embedding_noise(decoder, 7.0, torch.full((20,), 20.0)):
        ours = decoder.model.embed_tokens(ids)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)
    assert (ours != plain).any()
    assert torch.equal(decoder.model.embed_tokens(ids), plain)


def test_each_row_gets_noise_by_its_own_length(qwen, tmp_path):
    objective, decoder, ready = make(qwen, tmp_path, method=METHODS["full"], embedding_noise=5.0)
    rows = ready(make_rows(12))
    batch = objective.batch(rows, "cpu")
    assert batch.ids.shape[1] == sum(int(row.targets[-1]) for row in rows)  # nothing is shared
    assert set(batch.lengths.tolist()) == {float(len(row.ids)) for row in rows}
    plain = decoder.model.embed_tokens(batch.ids)
    with embedding_noise(decoder, 5.0, batch.lengths):
        away = (decoder.model.embed_tokens(batch.ids) - plain)[0].abs().amax(1).detach()
    bound = 5.0 / torch.sqrt(batch.lengths * plain.shape[-1])
    assert (away <= bound * 1.0001).all() and (away > 0.7 * bound).all()
    decoder.train()
    torch.manual_seed(1)
    noisy = objective.loss(decoder, batch).item()
    decoder.eval()
    assert objective.loss(decoder, batch).item() != pytest.approx(noisy, rel=1e-6)
    assert np.isfinite(noisy)


@pytest.mark.parametrize("method", METHODS)
def test_a_stopped_run_resumes_to_the_same_bits(qwen, tmp_path, monkeypatch, method):
    spec = AdaptSpec(
        method=METHODS[method],
        epochs=2,
        batch_rows=4,
        accumulation=2,
        learning_rate=5e-3,
        label_smoothing=0.1,
        embedding_noise=5.0,
        noise=0.1,
    )
    check_resumes(qwen, make_rows(20), make_rows(5, 30), spec, tmp_path, monkeypatch)


def test_smoothing_accumulates(qwen, tmp_path):
    spec = AdaptSpec(method=METHODS["full"], epochs=2, learning_rate=2e-3, label_smoothing=0.1)
    check_accumulation(qwen, make_rows(22), make_rows(5, 30), spec, tmp_path)
