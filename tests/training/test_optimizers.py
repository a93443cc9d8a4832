"""Muon, layer-wise rates and the averaged weights, each against its definition."""

import itertools
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from leitai.adapters import Full, LoRA, apply_method
from leitai.base import LeitaiError
from leitai.models import load_decoder, weights_version
from leitai.training import AdaptSpec, train
from leitai.training.ema import Average, averaged
from leitai.training.optimizer import (
    decayed_names,
    make_optimizer,
    optimizer_tensors,
    rate_scale,
    restore_optimizer,
    set_rate,
)
from leitai.training.ranks.alone import Ranks
from leitai.training.spec import AdamW, Muon

needs_muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")


def prepare(checkpoint, **spec):
    decoder = load_decoder(checkpoint)
    method = spec.setdefault("method", Full())
    apply_method(decoder, method)
    return decoder, make_optimizer(decoder, AdaptSpec(**spec))


def fill(decoder, seed):
    generator = torch.Generator().manual_seed(seed)
    for parameter in decoder.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.randn(parameter.shape, generator=generator)


def is_block_matrix(name, parameter):
    return name.startswith("model.layers.") and parameter.dim() == 2


@pytest.mark.parametrize("optimizer", [AdamW(), pytest.param(Muon(), marks=needs_muon)])
def test_a_step_tells_those_who_keep_what_the_weights_gave(checkpoint, optimizer):
    decoder, made = prepare(checkpoint, optimizer=optimizer)
    before = weights_version(decoder)
    assert weights_version(decoder) == before
    fill(decoder, 0)
    made.step()
    changed = [new != old for new, old in zip(weights_version(decoder), before, strict=True)]
    assert all(changed[: len(list(decoder.parameters()))])


@needs_muon
@pytest.mark.parametrize("method", [Full(), LoRA(rank=4)])
def test_muon_steps_as_torchs_two_optimisers_side_by_side(checkpoint, method):
    ours, optimizer = prepare(checkpoint, method=method, optimizer=Muon(), weight_decay=0.1)
    theirs = load_decoder(checkpoint)
    apply_method(theirs, method)
    named = {n: p for n, p in theirs.named_parameters() if p.requires_grad}
    matrices = {n for n, p in named.items() if is_block_matrix(n, p)}
    decayed = decayed_names(theirs)
    muon = torch.optim.Muon(
        [named[n] for n in matrices], weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
    )
    groups = [
        {"params": [named[n] for n in named.keys() - matrices if (n in decayed) == yes]}
        | {"weight_decay": 0.1 * yes}
        for yes in (True, False)
    ]
    groups = [group for group in groups if group["params"]]
    others = [torch.optim.AdamW(groups)] if groups else []
    for step, rate in enumerate([0.01, 0.02, 0.005]):
        fill(ours, step)
        fill(theirs, step)
        set_rate(optimizer, rate)
        optimizer.step()
        for other in (muon, *others):
            for group in other.param_groups:
                group["lr"] = rate
            other.step()
    assert matrices
    for name, parameter in ours.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(parameter, named[name], rtol=1e-5, atol=1e-6)


@needs_muon
def test_muon_comes_back_bit_by_bit(checkpoint):
    first, first_optimizer = prepare(checkpoint, optimizer=Muon(momentum=0.9))
    for seed in range(3):
        fill(first, seed)
        first_optimizer.step()
    parameters = dict(first.named_parameters())
    saved = optimizer_tensors(first_optimizer, parameters)
    assert {key.partition("::")[2] for key in saved} == {
        *("momentum_buffer", "exp_avg", "exp_avg_sq", "step")
    }
    second, second_optimizer = prepare(checkpoint, optimizer=Muon(momentum=0.9))
    second.load_state_dict(first.state_dict())
    restore_optimizer(second_optimizer, dict(second.named_parameters()), saved, Ranks().like)
    for decoder, optimizer in ((first, first_optimizer), (second, second_optimizer)):
        fill(decoder, 9)
        optimizer.step()
    for name, parameter in second.named_parameters():
        assert torch.equal(parameter, parameters[name])


def test_a_torch_without_muon_is_named(checkpoint, monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon", raising=False)
    with pytest.raises(LeitaiError, match="has no Muon; pip install -U"):
        prepare(checkpoint, optimizer=Muon())


def test_rates_fall_from_the_top_block_down(checkpoint):
    decoder, optimizer = prepare(checkpoint, layer_decay=0.5)
    set_rate(optimizer, 0.8)
    rates = {id(p): g["lr"] for g in optimizer.param_groups for p in g["params"]}
    expected = {"model.layers.1.": 0.8, "model.layers.0.": 0.4, "model.embed_tokens.": 0.2}
    for name, parameter in decoder.named_parameters():
        prefix = next((p for p in expected if name.startswith(p)), None)
        assert rates[id(parameter)] == pytest.approx(expected.get(prefix, 0.8)), name
    decays = {id(p): g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    for name, parameter in decoder.named_parameters():
        assert (decays[id(parameter)] > 0) == (name in decayed_names(decoder))


@given(st.integers(1, 80), st.floats(0.01, 1.0))
def test_each_block_learns_at_its_share_of_the_one_above(blocks, decay):
    names = ["model.embed_tokens.weight", *(f"model.layers.{i}.x" for i in range(blocks))]
    scales = [rate_scale(name, blocks, decay) for name in names]
    assert scales[-1] == rate_scale("model.norm.weight", blocks, decay) == 1.0
    for below, above in itertools.pairwise(scales):
        assert below == pytest.approx(above * decay)
    assert all(rate_scale(name, blocks, None) == 1.0 for name in names)


def test_no_decay_of_rates_leaves_two_groups_of_adamw(checkpoint):
    _decoder, optimizer = prepare(checkpoint)
    assert isinstance(optimizer, torch.optim.AdamW)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.01, 0.0]
    assert all(group["rate_scale"] == 1.0 for group in optimizer.param_groups)


@given(st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=40), st.floats(0.01, 0.9999))
def test_the_average_is_the_one_of_its_definition(path, decay):
    weight = nn.Parameter(torch.tensor([1.0]))
    average = Average(decay, {"w": weight})
    by_hand = 1.0
    for step, value in enumerate(path, start=1):
        with torch.no_grad():
            weight.fill_(value)
        average.update({"w": weight}, step)
        kept = min(decay, (1 + step) / (10 + step))
        by_hand = kept * by_hand + (1 - kept) * weight.item()
    assert average.tensors["w"].item() == pytest.approx(by_hand, rel=1e-4, abs=1e-4)
    before = average.tensors["w"].clone()
    with averaged(average, {"w": weight}):
        assert torch.equal(weight.detach(), before)
    assert weight.item() == path[-1] and torch.equal(average.tensors["w"], before)


@pytest.mark.parametrize("valid", [9, 0])
def test_the_average_is_what_is_validated_and_kept(qwen, rows, tmp_path, valid):
    """Steps taken by hand from the weights of runs that end earlier."""
    spec = {"method": Full(), "epochs": 9, "batch_rows": 8, "learning_rate": 0.01}
    spec |= {"schedule": "constant", "warmup": 0.0, "patience": None, "evaluate_every": 3}
    data = rows(16), rows(valid, 30)
    expected = load_decoder(qwen).state_dict()
    for steps in range(1, 4):
        plain = AdaptSpec(**spec, max_steps=steps)
        result = train(qwen, data[0], [], plain, tmp_path / f"plain{steps}", seed=2, track=())
        weights = load_decoder(result.output).state_dict()
        kept = min(0.9, (1 + steps) / (10 + steps))
        expected = {n: kept * w + (1 - kept) * weights[n] for n, w in expected.items()}
    with_average = AdaptSpec(**spec, max_steps=3, ema=0.9)
    result = train(qwen, *data, with_average, tmp_path / "average", seed=2, track=())
    found = load_decoder(result.output).state_dict()
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=1e-5, atol=1e-6)
    if valid:  # the loss that was reported is that of the weights that were kept
        again = train(
            result.output,
            data[0],
            data[1],
            AdaptSpec(**spec | {"learning_rate": 1e-9}, max_steps=3),
            tmp_path / "again",
            track=(),
        )
        assert again.best_loss == pytest.approx(result.best_loss, rel=1e-5)
    lines = [json.loads(x) for x in (tmp_path / "average/metrics.jsonl").read_text().splitlines()]
    plain = [json.loads(x) for x in (tmp_path / "plain3/metrics.jsonl").read_text().splitlines()]
    assert [x["loss"] for x in lines if "loss" in x] == [x["loss"] for x in plain]
