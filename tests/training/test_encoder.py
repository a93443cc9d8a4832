"""From decoder to encoder: masked prediction in both directions, contrast, retrieval."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from objective_cases import (
    assert_close,
    check_accumulation,
    check_resumes,
    gradients,
    make,
    taken,
)
from training_rows import CITIES, make_rows

from leitai.base import LeitaiError
from leitai.evaluation.metrics.retrieval import retrieval_metrics
from leitai.inference import LanguageModel
from leitai.models import load_decoder, save_decoder
from leitai.training import AdaptSpec, train
from leitai.training.batches import generator

METHODS = {"full": {"name": "full"}, "lora": {"name": "lora", "rank": 3, "dropout": 0.2}}
MASKED = {"name": "masked", "probability": 0.3}
PAIRS = {"name": "contrastive", "pairs": True, "temperature": 0.1, "dropout": 0.0}
ALONE = {"name": "contrastive", "temperature": 0.1, "dropout": 0.2}


def theirs_of(decoder, folder):
    """Transformers' model on the same weights, to be asked with a mask that hides nothing."""
    transformers = pytest.importorskip("transformers")
    save_decoder(decoder, folder)
    return transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    )


def seeing_all(ids):
    return torch.zeros(1, 1, len(ids), len(ids))


def test_masked_prediction_is_transformers_without_a_causal_mask(checkpoint, tmp_path):
    objective, decoder, ready = make(checkpoint, tmp_path, objective=MASKED, method=METHODS["full"])
    rows = objective.vary(ready(make_rows(7)), generator(3), training=True)
    theirs = theirs_of(decoder, tmp_path / "model")
    total, count = torch.zeros(()), 0
    for row in rows:
        out = theirs(input_ids=torch.from_numpy(row.ids)[None], attention_mask=seeing_all(row.ids))
        found = torch.log_softmax(out.logits[0], -1)
        for place, label in zip(row.targets, row.labels, strict=True):
            total = total - found[place - 1, label]
            count += 1
    (total / count).backward()
    expected = (total / count).item(), taken(theirs)
    for size in (100, 3):
        assert_close(gradients(objective, decoder, rows, size), expected, 1e-4)


def test_masks_follow_from_the_seed(qwen, tmp_path):
    objective, _, ready = make(qwen, tmp_path, objective=MASKED)
    rows = ready(make_rows(40))
    one, same, other = (objective.vary(rows, generator(n), training=True) for n in (1, 1, 2))
    assert all((a.ids == b.ids).all() for a, b in zip(one, same, strict=True))
    assert any((a.ids != b.ids).any() for a, b in zip(one, other, strict=True))
    for row, masked in zip(rows, one, strict=True):
        assert len(masked.targets) >= 1
        assert (row.ids[masked.targets] == masked.labels).all()
        kept = np.setdiff1d(np.arange(len(row.ids)), masked.targets)
        assert (row.ids[kept] == masked.ids[kept]).all()
        assert len(set(masked.ids[masked.targets])) == 1
    share = sum(len(r.targets) for r in one) / sum(len(r.targets) for r in rows)
    assert share == pytest.approx(0.3, abs=0.06)
    with pytest.raises(LeitaiError, match="tokens, not one"):
        wrong = {"name": "masked", "mask": "zq zq zq"}
        train(qwen, make_rows(4), [], AdaptSpec(objective=wrong), tmp_path / "run")


def plain_embedding(model, ids, bos_id):
    """The mean by the book: one text, transformers' hidden states."""
    out = model.model(input_ids=torch.from_numpy(ids)[None], attention_mask=seeing_all(ids))
    states = out.last_hidden_state[0]
    mean = states[1 if ids[0] == bos_id else 0 :].mean(dim=0)
    return mean / mean.norm()


def test_contrastive_loss_is_the_papers(checkpoint, tmp_path):
    """Also by batches of any size: all of a step are each other's negatives."""
    objective, decoder, ready = make(checkpoint, tmp_path, objective=PAIRS, method=METHODS["full"])
    examples = ready(make_rows(8))
    theirs = theirs_of(decoder, tmp_path / "model")
    bos = objective._bos
    h = [plain_embedding(theirs, e.text, bos) for e in examples]
    plus = [plain_embedding(theirs, e.positive, bos) for e in examples]
    losses = []
    for i in range(len(h)):
        scores = torch.stack([torch.exp(h[i] @ other / 0.1) for other in plus])
        losses.append(-torch.log(scores[i] / scores.sum()))
    mean = torch.stack(losses).mean()
    mean.backward()
    expected = mean.item(), taken(theirs)
    found = gradients(objective, decoder, examples)
    # the output projection takes no part: transformers has no gradient for it either
    assert_close(found, expected, 1e-4)
    for size in (3, 1):
        assert_close(gradients(objective, decoder, examples, size), expected, 1e-4)


def test_unsupervised_pairs_differ_by_dropout_alone(qwen, tmp_path):
    objective, decoder, ready = make(qwen, tmp_path, objective=ALONE, method=METHODS["full"])
    batch = objective.batch(ready(make_rows(5)), "cpu")
    with torch.no_grad():
        decoder.eval()
        one, other = objective._embed(decoder, batch).chunk(2)
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
        decoder.train()
        one, other = objective._embed(decoder, batch).chunk(2)
        assert (one - other).norm(dim=-1).min() > 1e-3
        again = objective._embed(decoder, batch)
    assert torch.equal(again[:5], one)


@pytest.mark.parametrize("objective", [MASKED, PAIRS, ALONE], ids=["masked", "pairs", "alone"])
@pytest.mark.parametrize("method", METHODS)
def test_a_stopped_run_resumes_to_the_same_bits(qwen, tmp_path, monkeypatch, objective, method):
    spec = AdaptSpec(
        method=METHODS[method],
        objective=objective,
        epochs=2,
        batch_rows=4,
        accumulation=2,
        learning_rate=5e-3,
    )
    check_resumes(qwen, make_rows(20), make_rows(5, 30), spec, tmp_path, monkeypatch)


@pytest.mark.parametrize("objective", [MASKED, PAIRS], ids=["masked", "pairs"])
def test_accumulation_gives_the_same_run(qwen, tmp_path, objective):
    spec = AdaptSpec(method=METHODS["full"], objective=objective, epochs=2, learning_rate=2e-3)
    check_accumulation(qwen, make_rows(22), make_rows(5, 30), spec, tmp_path, 1e-3)


def riddles(start, stop):
    """Two words ask for a third: which one, must be learnt."""
    return [
        replace(
            make_rows(1)[0],
            id=str(n),
            messages=(
                {"role": "user", "content": f"{CITIES[n % 10]} {CITIES[n // 10]}"},
                {"role": "assistant", "content": f"{TEXTS[n % 10]} {TEXTS[n // 10]}"},
            ),
        )
        for n in range(start, stop)
    ]


TEXTS = ["退货", "订单", "parcel", "where", "我要", "哪里", "the", "is", "to", "了"]


def test_training_makes_a_retriever(checkpoint, tmp_path):
    spec = AdaptSpec(
        method=METHODS["full"],
        objective=PAIRS | {"temperature": 0.05},
        epochs=16,
        batch_rows=16,
        learning_rate=6e-3,
    )
    rows = riddles(0, 100)
    held = [row for row in rows if int(row.id) % 5 == 2]
    result = train(checkpoint, [row for row in rows if row not in held], [], spec, tmp_path / "run")
    scores = []
    for folder in (checkpoint, result.output):
        lm = LanguageModel.load(str(folder))
        questions, answers = (
            lm.embed([row.messages[i]["content"] for row in held], bidirectional=True).numpy()
            for i in (0, 1)
        )
        scores.append(retrieval_metrics(questions, answers, [{n} for n in range(len(held))]))
    before, after = scores
    assert after["mrr"] > 0.5 > before["mrr"] + 0.2
    assert after["recall@5"] > before["recall@5"] + 0.3


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 6), st.integers(2, 9), st.integers(0, 1000))
def test_retrieval_metrics_by_sorting(queries, documents, seed):
    draws = np.random.default_rng(seed)
    q, d = (draws.normal(size=(n, 4)).astype(np.float32) for n in (queries, documents))
    relevant = [
        set(draws.choice(documents, size=draws.integers(1, documents), replace=False).tolist())
        for _ in range(queries)
    ]
    found = retrieval_metrics(q, d, relevant, cutoffs=(1, 3))
    ranks = []
    for query, right in zip(q, relevant, strict=True):
        cosines = [float(query @ x / np.linalg.norm(query) / np.linalg.norm(x)) for x in d]
        order = sorted(range(documents), key=lambda i: -cosines[i])
        ranks.append(1 + min(order.index(i) for i in right))
    assert found["mrr"] == pytest.approx(sum(1 / r for r in ranks) / queries)
    assert found["recall@3"] == pytest.approx(sum(r <= 3 for r in ranks) / queries)


def test_embeddings_that_are_all_alike_find_nothing():
    same = np.ones((4, 3), np.float32)
    assert retrieval_metrics(same, same, [{n} for n in range(4)])["mrr"] == 0.25


def test_bidirectional_embeddings_see_what_follows(qwen):
    lm = LanguageModel.load(str(qwen))
    causal, both = (lm.embed(["Oslo Lima"], bidirectional=b) for b in (False, True))
    assert (causal - both).norm() > 1e-3
    decoder = load_decoder(qwen)
    theirs = pytest.importorskip("transformers").AutoModelForCausalLM.from_pretrained(
        qwen, dtype=torch.float32, attn_implementation="eager"
    )
    ids = np.asarray(lm.tokenizer.encode("Oslo Lima"))
    with torch.no_grad():
        expected = plain_embedding(theirs, ids, None)
    torch.testing.assert_close(both[0], expected, rtol=1e-4, atol=1e-5)
    assert decoder.config.family == "qwen3"
