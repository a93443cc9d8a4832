"""The rate's course, early stopping, and the optimiser's choices."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leitai.adapters import Freeze, Full, LoRA, apply_method
from leitai.models import load_decoder
from leitai.training.early_stopping import EarlyStopping
from leitai.training.optimizer import (
    decayed_names,
    make_optimizer,
    optimizer_tensors,
    restore_optimizer,
    set_rate,
)
from leitai.training.ranks.alone import Ranks
from leitai.training.schedule import rate_factor
from leitai.training.spec import WSD, AdaptSpec

NAMES = ("cosine", "linear", "constant")
FALLS = {"linear": "linear", "cosine": "cosine", "sqrt": "1-sqrt"}


@pytest.mark.parametrize("schedule", NAMES)
@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.3])
def test_rates_agree_with_transformers_after_the_warm_up(schedule, warmup):
    transformers = pytest.importorskip("transformers")
    total = 57
    rising = math.ceil(warmup * total)
    name = {"constant": "constant_with_warmup"}.get(schedule, schedule)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    theirs = transformers.get_scheduler(name, optimizer, rising, total)
    for step in range(total):
        factor = rate_factor(step, total, warmup, schedule)
        if step >= rising:
            assert factor == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        else:  # theirs begins at 0, a step that does nothing
            assert factor == pytest.approx((step + 1) / rising)
        optimizer.step()
        theirs.step()


@pytest.mark.parametrize("shape", sorted(FALLS))
@pytest.mark.parametrize(("warmup", "decay"), [(0.0, 0.2), (0.1, 0.3), (0.05, 0.95), (0.5, 0.5)])
def test_warm_up_stable_decay_agrees_with_transformers(shape, warmup, decay):
    transformers = pytest.importorskip("transformers")
    total = 57
    rising = math.ceil(warmup * total)
    falling = min(math.ceil(decay * total), total - rising)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    theirs = transformers.get_wsd_schedule(
        optimizer,
        num_warmup_steps=rising,
        num_decay_steps=falling,
        num_training_steps=total,
        decay_type=FALLS[shape],
    )
    for step in range(total):
        if step >= rising:
            factor = rate_factor(step, total, warmup, WSD(decay=decay, shape=shape))
            assert factor == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        theirs.step()


SCHEDULES = st.one_of(
    st.sampled_from(NAMES),
    st.builds(WSD, decay=st.floats(0.01, 1), shape=st.sampled_from(sorted(FALLS))),
)


@given(st.integers(1, 300), st.floats(0, 0.99), SCHEDULES, st.integers(0, 299))
def test_rates_stay_between_0_and_the_peak(total, warmup, schedule, step):
    step %= total
    assert 0 < rate_factor(step, total, warmup, schedule) <= 1


@given(st.integers(2, 300), st.floats(0, 0.5), SCHEDULES)
def test_rates_fall_and_never_rise_after_the_warm_up(total, warmup, schedule):
    rates = [
        rate_factor(s, total, warmup, schedule) for s in range(math.ceil(warmup * total), total)
    ]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == 1.0


def test_a_run_that_is_all_warm_up_and_decay_is_refused_where_they_overlap():
    with pytest.raises(ValueError, match="more than the whole run"):
        AdaptSpec(warmup=0.5, schedule=WSD(decay=0.6))
    assert AdaptSpec(schedule={"name": "wsd"}).schedule == WSD()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.booleans())
def test_the_first_of_the_best_scores_is_kept(scores, higher):
    early = EarlyStopping(patience=None, higher_is_better=higher)
    for step, score in enumerate(scores):
        early.update(step, loss=-float(step), score=float(score))
    best = (max if higher else min)(scores)
    assert (early.best_score, early.best_step) == (best, scores.index(best))
    assert early.best_loss == -early.best_step
    assert early.waited == len(scores) - 1 - early.best_step


def test_patience_counts_evaluations_without_a_better_one():
    early = EarlyStopping(patience=2)
    seen = [
        (early.update(step, loss), early.exhausted) for step, loss in enumerate([3, 2, 2, 1, 4, 5])
    ]
    assert seen == [
        *((True, False), (True, False), (False, False)),
        *((True, False), (False, False), (False, True)),
    ]
    assert (early.best_step, early.best_loss) == (3, 1)
    assert EarlyStopping(**early.to_dict()) == early
    endless = EarlyStopping(patience=None)
    for step in range(99):
        endless.update(step, 1.0)
        assert not endless.exhausted


def test_rates_default_to_the_method():
    assert AdaptSpec(method=Full()).learning_rate == 2e-5
    assert AdaptSpec(method=LoRA()).learning_rate == 2e-4
    assert AdaptSpec(method=Full(), learning_rate=1e-3).learning_rate == 1e-3
    spec = AdaptSpec(method=Freeze(top_blocks=1))
    assert AdaptSpec(**spec.model_dump(mode="json")) == spec


def test_matrices_alone_decay(checkpoint):
    decoder = load_decoder(checkpoint)
    apply_method(decoder, Full())
    decayed = decayed_names(decoder)
    for name, parameter in decoder.named_parameters():
        matrix = parameter.dim() == 2 and "embed_tokens" not in name
        assert (name in decayed) == matrix
    apply_method(decoder, LoRA(rank=2))
    assert decayed_names(decoder) == {n for n, p in decoder.named_parameters() if p.requires_grad}


def test_decay_is_decoupled_from_the_gradient(checkpoint):
    decoder = load_decoder(checkpoint)
    apply_method(decoder, Full())
    before = {name: p.detach().clone() for name, p in decoder.named_parameters()}
    spec = AdaptSpec(method=Full(), weight_decay=0.1)
    optimizer = make_optimizer(decoder, spec)
    set_rate(optimizer, 0.5)
    for parameter in decoder.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in decoder.named_parameters():
        factor = 1 - 0.5 * 0.1 if name in decayed_names(decoder) else 1.0
        torch.testing.assert_close(parameter.detach(), factor * before[name])


def test_the_optimiser_comes_back_bit_by_bit(checkpoint):
    spec = AdaptSpec(method=Full(), learning_rate=0.01)

    def prepare():
        decoder = load_decoder(checkpoint)
        apply_method(decoder, Full())
        return dict(decoder.named_parameters()), make_optimizer(decoder, spec)

    def step(parameters, optimizer, seed):
        generator = torch.Generator().manual_seed(seed)
        for parameter in parameters.values():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()

    first, first_optimizer = prepare()
    for seed in range(3):
        step(first, first_optimizer, seed)
    second, second_optimizer = prepare()
    with torch.no_grad():
        for name, parameter in second.items():
            parameter.copy_(first[name])
    saved = optimizer_tensors(first_optimizer, first)
    restore_optimizer(second_optimizer, second, saved, Ranks().like)
    step(first, first_optimizer, 9)
    step(second, second_optimizer, 9)
    for name, parameter in first.items():
        assert torch.equal(parameter, second[name])
