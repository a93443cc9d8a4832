"""Scores against transformers' plain forward pass, and their independence from batching."""

import math

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inference_reference import CONTEXT, TEXTS

from leitai.base import LeitaiError
from leitai.inference import encode_pair, scoring

LABELS = [" order", " money back", " 退款", " 发票", " where is my parcel", " o"]


def oracle(reference, context, rest):
    """One full forward over the joined ids, no cache and no batch; sums in double precision."""
    with torch.no_grad():
        logits = reference(torch.tensor([[*context, *rest]])).logits[0].double()
    rows = logits[len(context) - 1 : -1].log_softmax(dim=-1)
    chosen = rows[torch.arange(len(rest)), torch.tensor(rest)]
    return chosen.sum().item(), bool((rows.argmax(dim=-1) == torch.tensor(rest)).all())


@pytest.mark.parametrize("context", ["", "I bought a book. ", TEXTS[0] + " It is about", TEXTS[3]])
def test_scores_equal_a_plain_forward_pass(lm, reference, context):
    requests = [{"context": context, "continuation": label} for label in LABELS]
    requests.append({"context": TEXTS[1], "continuation": " " + TEXTS[2]})
    for request, score in zip(requests, lm.score(requests), strict=True):
        before, rest = encode_pair(lm.tokenizer, request["context"], request["continuation"])
        logprob, greedy = oracle(reference, before, rest)
        assert score.logprob == pytest.approx(logprob, abs=1e-4)
        assert score.greedy == greedy
        assert score.tokens == len(rest)
        assert score.bytes == len(request["continuation"].encode())


def test_what_the_model_itself_writes_is_greedy(lm):
    for prompt in TEXTS[:4]:
        ids = lm.complete([prompt], max_tokens=8)[0].ids
        if ids:
            context = lm.tokenizer.encode(prompt)
            bos = [] if lm.tokenizer.bos_id is None else [lm.tokenizer.bos_id]
            best, other = lm.score_ids(
                [(bos + context, ids), (bos + context, [*ids[:-1], (ids[-1] + 1) % 400])]
            )
            assert best.greedy
            assert not other.greedy


def test_greedy_means_every_token(lm):
    """The most probable token after a wrong one does not make the continuation greedy."""
    context = lm.tokenizer.encode(TEXTS[0])
    order = lm.logits(context)[-1].argsort(descending=True).tolist()
    best, wrong = order[0], order[1]
    pairs = [
        (context, [first, int(lm.logits([*context, first])[-1].argmax())])
        for first in (best, wrong)
    ]
    assert [score.greedy for score in lm.score_ids(pairs)] == [True, False]
    assert [lm.score_ids([pair])[0].greedy for pair in pairs] == [True, False]


tokens = st.integers(0, 400)
contexts = st.lists(tokens, min_size=1, max_size=30)
rests = st.lists(tokens, min_size=1, max_size=12)


@st.composite
def request_lists(draw):
    """Requests of which some share contexts and some are repeated."""
    pool = draw(st.lists(contexts, min_size=1, max_size=4))
    pairs = draw(st.lists(st.tuples(st.sampled_from(pool), rests), min_size=1, max_size=14))
    pairs += draw(st.lists(st.sampled_from(pairs), max_size=3))
    return draw(st.permutations(pairs))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    requests=request_lists(),
    budget=st.integers(1, 400),
    logit_bytes=st.sampled_from([1, 5_000, 1 << 26]),
)
def test_scores_do_not_depend_on_batching(lm, monkeypatch, requests, budget, logit_bytes):
    alone = [lm.score_ids([request])[0] for request in requests]
    monkeypatch.setattr(scoring, "TOKEN_BUDGET", budget)
    monkeypatch.setattr(scoring, "LOGIT_BYTES", logit_bytes)
    monkeypatch.setattr(scoring, "LOGIT_ROWS", 1)
    together = lm.score_ids(requests)
    monkeypatch.undo()
    for one, other in zip(together, alone, strict=True):
        assert abs(one.logprob - other.logprob) <= 1e-4
        assert (one.tokens, one.bytes, one.greedy) == (other.tokens, other.bytes, other.greedy)


@settings(max_examples=15, deadline=None)
@given(text=st.text(min_size=1, max_size=20), context=st.text(max_size=20))
def test_any_text_gets_a_finite_score(lm, text, context):
    score = lm.score([{"context": context, "continuation": text}])[0]
    assert math.isfinite(score.logprob)
    assert score.logprob < 0
    assert score.bytes == len(text.encode())


def test_probabilities_of_all_continuations_sum_to_one(lm):
    vocabulary = lm.config.vocab_size
    context = lm.tokenizer.encode(TEXTS[0])
    one = lm.score_ids([(context, [token]) for token in range(vocabulary)])
    assert math.fsum(math.exp(score.logprob) for score in one) == pytest.approx(1, abs=1e-5)
    assert sum(score.greedy for score in one) == 1


def test_logits_exist_only_a_few_rows_at_a_time(lm, monkeypatch):
    monkeypatch.setattr(scoring, "LOGIT_BYTES", 10 * 4 * lm.config.vocab_size)
    monkeypatch.setattr(scoring, "LOGIT_ROWS", 1)
    sizes = []
    plain = type(lm.decoder).logits

    def watch(decoder, hidden):
        sizes.append(hidden.shape[0])
        return plain(decoder, hidden)

    monkeypatch.setattr(type(lm.decoder), "logits", watch)
    ids = lm.tokenizer.encode(" ".join(TEXTS))[:200]
    lm.score_ids([(ids[:1], ids[1:]), (ids[1:151], ids[151:])])
    assert max(sizes) <= 10
    assert sum(sizes) == 199 + 49  # the rows that predict a continuation's token, no others
    sizes.clear()
    lm.score_ids([(ids[:1], ids[1:]), (ids[:150], ids[150:])])
    assert sum(sizes) == 199  # the second asks nothing that the first has not asked


def test_a_shared_context_is_computed_once(lm, monkeypatch):
    seen = []
    plain = type(lm.decoder).forward

    def watch(decoder, ids, **options):
        seen.append(tuple(ids.shape))
        return plain(decoder, ids, **options)

    monkeypatch.setattr(type(lm.decoder), "forward", watch)
    context = lm.tokenizer.encode(TEXTS[0])
    lm.score_ids([(context, [5, 6, token]) for token in range(77)])
    assert seen == [(1, len(context) + 2)]


def test_what_all_requests_share_is_computed_once_however_many_passes(lm, monkeypatch):
    seen = []
    plain = type(lm.decoder).forward

    def watch(decoder, ids, **options):
        seen.append(ids.shape[1])
        return plain(decoder, ids, **options)

    shots = [n % 300 for n in range(100)]
    requests = [([*shots, *[n] * 20, n], [7, 8]) for n in range(301, 321)]
    alone = [lm.score_ids([request])[0].logprob for request in requests]
    monkeypatch.setattr(type(lm.decoder), "forward", watch)
    monkeypatch.setattr(scoring, "TOKEN_BUDGET", 120)
    together = [score.logprob for score in lm.score_ids(requests)]
    assert len(seen) > 2
    assert sum(seen) == 100 + 20 * 22
    assert together == pytest.approx(alone, abs=1e-4)


def test_the_context_length_is_kept(lm):
    fitting = [(list(range(CONTEXT - 4)), [1, 2, 3, 4, 5])]
    assert math.isfinite(lm.score_ids(fitting)[0].logprob)
    with pytest.raises(LeitaiError, match=r"request 2: .*tokens"):
        lm.score_ids([*fitting, (list(range(CONTEXT - 4)), [1, 2, 3, 4, 5, 6])])
    with pytest.raises(LeitaiError, match=r"in\.jsonl, line 9"):
        lm.score([{"context": "a" * 5000, "continuation": "b"}], sources=["in.jsonl, line 9"])


@pytest.mark.parametrize(
    "pair", [([], [1]), ([1], []), ([1], [-1]), ([100_000], [1]), ([1], [100_000])]
)
def test_ids_that_cannot_be_are_refused(lm, pair):
    with pytest.raises(LeitaiError, match="request 1"):
        lm.score_ids([pair])


@pytest.mark.parametrize(
    "request_",
    [
        *({}, {"context": "a"}, {"continuation": "b"}),
        *({"context": 1, "continuation": "b"}, {"context": "a", "continuation": ""}),
    ],
)
def test_requests_that_lack_a_text_are_refused(lm, request_):
    with pytest.raises(LeitaiError, match="request 1"):
        lm.score([request_])


def test_no_requests_no_scores(lm):
    assert lm.score([]) == []
    assert lm.score_ids([]) == []
