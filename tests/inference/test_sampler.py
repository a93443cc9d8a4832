"""The choice of a token: against transformers' logits processors, and as a draw."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from transformers import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from leitai.base import LeitaiError
from leitai.inference.sampler import Sampler, Sampling, penalise, restrict

SIZE = 50


def logits(seed, spread=3.0):
    return torch.randn(SIZE, generator=torch.Generator().manual_seed(seed)) * spread


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    temperature=st.floats(0.1, 4.0),
    top_k=st.integers(0, SIZE + 5),
    top_p=st.floats(0.01, 1.0),
    min_p=st.floats(0.0, 1.0),
)
def test_restrictions_equal_the_references(seed, temperature, top_k, top_p, min_p):
    scores = logits(seed)
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
    ours = restrict(scores, sampling)
    theirs, ids = scores[None], torch.zeros(1, 1, dtype=torch.int64)
    theirs = TemperatureLogitsWarper(temperature)(ids, theirs)
    if top_k:
        theirs = TopKLogitsWarper(top_k)(ids, theirs)
    if top_p < 1:
        theirs = TopPLogitsWarper(top_p)(ids, theirs)
    if min_p > 0:
        theirs = MinPLogitsWarper(min_p)(ids, theirs)
    torch.testing.assert_close(ours, theirs[0])
    assert torch.isfinite(ours).any()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    penalty=st.floats(0.3, 3.0),
    used=st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=20),
)
def test_the_repetition_penalty_equals_the_references(seed, penalty, used):
    scores = logits(seed)
    mask = torch.zeros(SIZE, dtype=torch.bool)
    mask[used] = True
    theirs = RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor([used]), scores[None])
    torch.testing.assert_close(penalise(scores, mask, penalty), theirs[0])


def test_own_tokens_are_penalised_as_the_prompts_are():
    sampler = Sampler(Sampling(repetition_penalty=10.0), [0], SIZE)
    scores = torch.full((SIZE,), 1.0)
    scores[:3] = torch.tensor([6.0, 5.0, 4.0])
    assert [sampler.next(scores) for _ in range(3)] == [1, 2, 3]


def test_greedy_takes_the_most_probable():
    sampler = Sampler(Sampling(), [1], SIZE)
    assert sampler.is_plain_greedy
    assert sampler.next(logits(3)) == int(logits(3).argmax())


def test_draws_follow_the_distribution():
    scores, count = logits(1, spread=1.0), 20_000
    sampler = Sampler(Sampling(temperature=0.8, top_k=12, seed=5), [1, 2], SIZE)
    drawn = torch.bincount(
        torch.tensor([sampler.next(scores) for _ in range(count)]), minlength=SIZE
    )
    expected = restrict(scores, Sampling(temperature=0.8, top_k=12)).softmax(-1).double() * count
    kept = expected > 0
    assert drawn[~kept].sum() == 0
    expected = expected[kept] * (count / expected[kept].sum())
    assert chisquare(drawn[kept].numpy(), expected.numpy()).pvalue > 1e-3


def test_the_stream_follows_from_seed_and_prompt():
    def draw(seed, prompt):
        sampler = Sampler(Sampling(temperature=1.0, seed=seed), prompt, SIZE)
        return [sampler.next(logits(9)) for _ in range(30)]

    assert draw(0, [1, 2]) == draw(0, [1, 2])
    assert draw(0, [1, 2]) != draw(1, [1, 2])
    assert draw(0, [1, 2]) != draw(0, [2, 1])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -1),
        ("temperature", float("nan")),
        ("top_k", -3),
        ("top_k", 1.5),
        ("top_p", 0),
        ("top_p", 1.2),
        ("min_p", -0.1),
        ("repetition_penalty", 0),
        ("seed", "x"),
    ],
)
def test_values_out_of_range_are_named(name, value):
    with pytest.raises(LeitaiError, match=name):
        Sampling(**{name: value})


@pytest.mark.parametrize("temperature", [1e-6, 1e-20, 1e-40, 5e-324])
def test_a_tiny_temperature_is_greedy_and_never_nothing(temperature):
    scores = logits(7)
    sampler = Sampler(Sampling(temperature=temperature), [1], SIZE)
    assert {sampler.next(scores) for _ in range(20)} == {int(scores.argmax())}
