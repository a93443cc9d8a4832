"""DPO, ORPO, SimPO and KTO against the papers' formulas, row by row, and against trl."""

import math
from types import SimpleNamespace

import pytest
import torch
from objective_cases import (
    assert_close,
    check_accumulation,
    check_resumes,
    gradients,
    lines,
    make,
    pairs,
    taken,
)
from torch.nn.functional import log_softmax

from leitai.base import LeitaiError
from leitai.models import load_decoder
from leitai.training import AdaptSpec, train
from leitai.training.logprobs import token_logprobs

METHODS = {"full": {"name": "full"}, "lora": {"name": "lora", "rank": 3}}
OBJECTIVES = [
    {"name": "dpo", "beta": 0.3},
    {"name": "dpo", "beta": 0.3, "label_smoothing": 0.1},
    {"name": "orpo", "weight": 0.4},
    {"name": "simpo", "beta": 2.0, "gamma": 0.6},
    {"name": "kto", "beta": 0.2, "desirable_weight": 1.3, "undesirable_weight": 0.7},
]
ids = [f"{o['name']}{'-smoothed' if 'label_smoothing' in o else ''}" for o in OBJECTIVES]


def plain(decoder, row):
    """An answer's log-probability and length: one row, whole logits, no forest."""
    logits = decoder.logits(decoder(torch.from_numpy(row.ids)[None]))[0]
    found = log_softmax(logits.float(), -1)
    parts = [found[place - 1, row.ids[place]] for place in row.targets]
    return torch.stack(parts).sum(), len(parts)


def sigmoid(x):
    return 1 / (1 + torch.exp(-x))


def pair_loss(o, w, l, w0, l0):  # noqa: E741 (the papers' letters)
    """The formulas as they stand in the papers, term by term."""
    if o["name"] == "dpo":
        h = (w[0] - w0[0]) - (l[0] - l0[0])
        e = o.get("label_smoothing", 0.0)
        clean, flipped = sigmoid(o["beta"] * h), sigmoid(-o["beta"] * h)
        return -(1 - e) * torch.log(clean) - e * torch.log(flipped)
    mean_w, mean_l = w[0] / w[1], l[0] / l[1]
    if o["name"] == "simpo":
        margin = o["beta"] / w[1] * w[0] - o["beta"] / l[1] * l[0] - o["gamma"]
        return -torch.log(sigmoid(margin))
    p_w, p_l = torch.exp(mean_w), torch.exp(mean_l)
    odds = (p_w / (1 - p_w)) / (p_l / (1 - p_l))
    return -mean_w + o["weight"] * -torch.log(sigmoid(torch.log(odds)))


def expected(o, decoder, base, examples):
    losses = []
    if o["name"] == "kto":
        with torch.no_grad():
            moved = [plain(decoder, e.other)[0] - plain(base, e.other)[0] for e in examples]
            z = max(0.0, float(torch.stack(moved).mean()))
        for e in examples:
            with torch.no_grad():
                before = plain(base, e.row)[0]
            r = plain(decoder, e.row)[0] - before
            if e.desirable:
                losses.append(o["desirable_weight"] * (1 - sigmoid(o["beta"] * (r - z))))
            else:
                losses.append(o["undesirable_weight"] * (1 - sigmoid(o["beta"] * (z - r))))
    else:
        for e in examples:
            with torch.no_grad():
                before = [plain(base, row) for row in (e.chosen, e.rejected)]
            now = [plain(decoder, row) for row in (e.chosen, e.rejected)]
            losses.append(pair_loss(o, *now, *before))
    loss = torch.stack(losses).mean()
    loss.backward()
    return loss.item(), taken(decoder)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("o", OBJECTIVES, ids=ids)
def test_loss_and_gradient_are_the_papers(checkpoint, tmp_path, o, method):
    """Branches of one forest, in one batch or in many, give what single rows give."""
    objective, decoder, ready = make(checkpoint, tmp_path, objective=o, method=METHODS[method])
    examples = ready(pairs(9))
    reference = expected(o, decoder, load_decoder(checkpoint), examples)
    for size in (100, 4, 1):
        assert_close(gradients(objective, decoder, examples, size), reference)
    assert_close(gradients(objective, decoder, examples, 100, 60), reference)


def test_a_pair_shares_its_prompt(qwen, tmp_path):
    objective, _, ready = make(qwen, tmp_path, objective={"name": "dpo"})
    (pair,) = ready(pairs(1))
    batch = objective.batch([pair], "cpu")
    prompt = int(pair.chosen.targets[0])
    assert batch.answers.ids.shape[1] <= batch.tokens - prompt - 2
    assert batch.tokens == len(pair.chosen.ids) + len(pair.rejected.ids)


def test_dpo_starts_at_log_2(checkpoint, tmp_path):
    """Before the first step the model is its own reference."""
    spec = AdaptSpec(objective={"name": "dpo"}, epochs=1, batch_rows=6)
    train(checkpoint, pairs(6), [], spec, tmp_path / "run")
    assert lines(tmp_path / "run")[0]["loss"] == pytest.approx(math.log(2), rel=1e-6)


def test_formulas_are_those_of_trl(qwen, tmp_path):
    orpo = pytest.importorskip("trl.experimental.orpo")
    cpo = pytest.importorskip("trl.experimental.cpo")
    means = -torch.rand(2, 50, generator=torch.Generator().manual_seed(3)) * 4 - 1e-3
    answers = SimpleNamespace(lengths=torch.full((100,), 7.0))
    batch = SimpleNamespace(answers=answers)
    place = SimpleNamespace(device="cpu")

    objective, _, _ = make(qwen, tmp_path, objective={"name": "orpo", "weight": 0.3})
    them = SimpleNamespace(beta=0.3, accelerator=place)
    theirs = orpo.ORPOTrainer.odds_ratio_loss(them, means[0], means[1])[0]
    ours = objective.pair_losses(means.flatten() * 7, batch)
    torch.testing.assert_close(ours, -means[0] - theirs, rtol=1e-5, atol=1e-6)

    objective, _, _ = make(qwen, tmp_path, objective={"name": "simpo", "beta": 2.5, "gamma": 0.7})
    them = SimpleNamespace(
        beta=2.5,
        simpo_gamma=0.7,
        alpha=0.0,
        loss_type="simpo",
        label_smoothing=0,
        accelerator=place,
    )
    theirs = cpo.CPOTrainer.cpo_loss(them, means[0], means[1])[0]
    ours = objective.pair_losses(means.flatten() * 7, batch)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("chunk", [1, 5, 10_000])
def test_token_logprobs_in_chunks(monkeypatch, chunk):
    from leitai.training import loss

    monkeypatch.setattr(loss, "CHUNK_BYTES", chunk * 4 * 23)
    generator = torch.Generator().manual_seed(1)
    hidden, head = (torch.randn(n, 8, generator=generator) for n in (13, 23))
    targets = torch.randint(23, (13,), generator=generator)
    found = []
    for function in (
        token_logprobs,
        lambda h, w, t: log_softmax(h @ w.T, -1).gather(1, t[:, None])[:, 0],
    ):
        h, w = (x.clone().requires_grad_() for x in (hidden, head))
        value = function(h, w, targets)
        (value * torch.arange(13)).sum().backward()
        found.append((value.detach(), h.grad, w.grad))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("o", OBJECTIVES, ids=ids)
def test_accumulation_gives_the_same_run(qwen, tmp_path, o):
    spec = AdaptSpec(method=METHODS["full"], objective=o, epochs=2, learning_rate=2e-3)
    check_accumulation(qwen, pairs(22), pairs(5, 30), spec, tmp_path)


@pytest.mark.parametrize("o", OBJECTIVES, ids=ids)
def test_a_stopped_run_resumes_to_the_same_bits(qwen, tmp_path, monkeypatch, o):
    spec = AdaptSpec(
        method={"name": "lora", "rank": 3, "dropout": 0.2},
        objective=o,
        epochs=2,
        batch_rows=4,
        accumulation=2,
        learning_rate=5e-3,
    )
    check_resumes(qwen, pairs(20), pairs(5, 30), spec, tmp_path, monkeypatch)


def test_preferences_are_learnt(qwen, tmp_path):
    """A good answer becomes more probable against a bad one on rows that were not seen."""
    for o, chance in ((OBJECTIVES[0], math.log(2)), (OBJECTIVES[3], None)):
        spec = AdaptSpec(
            method={"name": "full"}, objective=o, epochs=12, batch_rows=8, learning_rate=3e-3
        )
        run = tmp_path / o["name"]
        train(qwen, pairs(40), pairs(10, 40), spec, run)
        checks = [line["valid_loss"] for line in lines(run) if "valid_loss" in line]
        assert min(checks) < 0.7 * (chance or checks[0])


def test_rows_that_do_not_fit_are_refused(qwen, tmp_path, rows):
    for name, what in (("dpo", "no rejected answer"), ("kto", "no vote")):
        with pytest.raises(LeitaiError, match=rf"rows\.jsonl, line 1: {what}"):
            train(qwen, rows(4), [], AdaptSpec(objective={"name": name}), tmp_path / name)
    with pytest.raises(ValueError, match="go with objective"):
        AdaptSpec(objective={"name": "dpo"}, noise=0.1)


def test_the_reference_is_asked_once(qwen, tmp_path, monkeypatch):
    from leitai.training.objectives import sequences

    asked = []
    plant = sequences.plant_answers
    monkeypatch.setattr(sequences, "plant_answers", lambda *a: asked.append(1) or plant(*a))
    objective, decoder, ready = make(qwen, tmp_path, objective={"name": "dpo"})
    examples = ready(pairs(5))
    again = objective.observe(decoder, examples, tmp_path / "noted.safetensors")
    assert len(asked) == 1
    assert all((a.reference == b.reference).all() for a, b in zip(examples, again, strict=True))
    (tmp_path / "noted.safetensors").write_bytes(b"nonsense")
    with pytest.raises(LeitaiError, match="damaged"):
        objective.observe(decoder, examples, tmp_path / "noted.safetensors")
