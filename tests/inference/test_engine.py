"""The engine: exact, fair, and all memory accounted for at any moment."""

import random
import threading
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from inference_reference import CONTEXT, TEXTS

from leitai.inference import Engine, LanguageModel, encode_text, speculation
from leitai.inference.generation import Limits, make_row
from leitai.inference.kv_pool import BLOCK_TOKENS, block_bytes
from leitai.inference.sampler import Sampling
from leitai.inference.speculation import Speculator, worthwhile

SYSTEM = (TEXTS[0] + TEXTS[1]) * 2


def make(lm, prompt, *, max_tokens=12, stop_ids=None, **sampling):
    ids = encode_text(lm.tokenizer, prompt) if isinstance(prompt, str) else prompt
    limits = Limits(max_tokens, frozenset(lm.stop_ids if stop_ids is None else stop_ids))
    return make_row(lm.config, ids, Sampling(**sampling), limits, lm.tokenizer.token_bytes)


def finish(engine, limit=5_000):
    steps = 0
    while engine.busy:
        engine.step()
        steps += 1
        assert steps < limit, "the engine does not come to an end"
    return steps


def alone(lm, prompt, **options):
    """The continuation by whole passes without any cache."""
    row = make(lm, prompt, **options)
    with torch.inference_mode():
        while row.finish is None:
            ids = torch.tensor([[*row.prompt, *row.ids]])
            row.take(row.sampler.next(lm.decoder.logits(lm.decoder(ids)[0, -1])))
    return row.ids


def all_accounted(engine):
    """Whether every block in use is held by the tree, when no row is in progress."""
    _, used, known = engine.memory()
    return used == known


def bytes_of(lm, blocks):
    return blocks * block_bytes(lm.config, lm.decoder.dtype)


def small(lm, blocks, **options):
    return Engine(lm.decoder, cache_bytes=bytes_of(lm, blocks), **options)


PROMPTS = [SYSTEM + text for text in TEXTS[:7]] + TEXTS[:4] + [SYSTEM, "a"]


@pytest.mark.parametrize("options", [{}, {"temperature": 1.2, "seed": 5}])
@pytest.mark.parametrize(
    "engine_options",
    [
        {},
        {"speculate": False},
        {"chunk": 16},
        {"chunk": 512, "chunk_beside": 16, "rows": 3},
        {"cache_bytes": 1},
    ],
)
def test_rows_that_share_and_rows_that_do_not_equal_whole_passes(lm, engine_options, options):
    engine = Engine(lm.decoder, **engine_options)
    handles = [engine.submit(make(lm, prompt, **options)) for prompt in PROMPTS]
    finish(engine)
    for handle, prompt in zip(handles, PROMPTS, strict=True):
        assert handle.row.ids == alone(lm, prompt, **options)
        assert "".join(handle.pieces) == handle.row.result().text
    assert all_accounted(engine)


@pytest.mark.parametrize("dtype", ["int8", "int4", "nf4", "nf4-double"])
def test_quantised_weights_read_long_prompts_in_chunks(folders, family, dtype):
    """Most chunks want no logits at all, so their last network has no rows."""
    lm = LanguageModel.load(folders[family], dtype=dtype)
    lm.decoder.float()  # the same weights without bfloat16's near ties
    engine = Engine(lm.decoder, chunk=16)
    handles = [engine.submit(make(lm, prompt)) for prompt in PROMPTS[:4]]
    finish(engine)
    for handle, prompt in zip(handles, PROMPTS, strict=False):
        assert handle.row.ids == alone(lm, prompt)
        assert "".join(handle.pieces) == handle.row.result().text
    assert all_accounted(engine)


def test_a_common_beginning_is_stored_once(lm, monkeypatch):
    passes = []
    forward = lm.decoder.forward
    monkeypatch.setattr(
        lm.decoder,
        "forward",
        lambda ids, **kw: passes.append(ids.shape[1]) or forward(ids, **kw),
    )
    base = [7, 8, 9, 10] * 24  # six blocks
    engine = Engine(lm.decoder, speculate=False)
    rows = [make(lm, [*base, 20 + i], max_tokens=1) for i in range(8)]
    for row in rows:
        engine.submit(row)
    engine.step()
    assert passes == [len(base) + 8], "even in the pass that reads it, the beginning is read once"
    engine.submit(make(lm, [*base, 60], max_tokens=1))
    engine.step()
    assert passes[1:] == [1], "and later rows find it in memory"
    engine.forget()
    assert engine.memory()[1:] == (0, 0)


def test_a_conversation_reads_only_what_is_new(lm, monkeypatch):
    first = lm.chat_format.encode_prompt([{"role": "user", "content": SYSTEM}])
    lm.engine.forget()
    written = "".join(lm.stream(first, max_tokens=20))
    seen = []
    forward = lm.decoder.forward
    monkeypatch.setattr(
        lm.decoder, "forward", lambda ids, **kw: seen.append(ids.shape[1]) or forward(ids, **kw)
    )
    again = "".join(lm.stream([*first, 5, 6, 7], max_tokens=1))
    assert isinstance(again, str) and isinstance(written, str)
    assert seen[0] <= BLOCK_TOKENS + 3


def test_changed_weights_make_stored_prefixes_worthless(lm):
    engine = Engine(lm.decoder)
    engine.submit(make(lm, SYSTEM, max_tokens=1))
    finish(engine)
    weight = lm.decoder.model.layers[0].self_attn.v_proj.weight
    with torch.no_grad():
        kept = weight.clone()
        weight.mul_(-2)
    try:
        handle = engine.submit(make(lm, SYSTEM))
        finish(engine)
        assert handle.row.ids == alone(lm, SYSTEM)
    finally:
        with torch.no_grad():
            weight.copy_(kept)


def test_a_step_of_training_makes_stored_prefixes_worthless(folders, family):
    from leitai.training import AdaptSpec
    from leitai.training.optimizer import make_optimizer

    lm = LanguageModel.load(folders[family])
    decoder = lm.decoder.requires_grad_(True)
    optimizer = make_optimizer(decoder, AdaptSpec(learning_rate=0.1))
    lm.engine.submit(make(lm, SYSTEM, max_tokens=1))
    finish(lm.engine)
    for parameter in decoder.parameters():
        parameter.grad = torch.linspace(-1, 1, parameter.numel()).view_as(parameter)
    optimizer.step()
    handle = lm.engine.submit(make(lm, SYSTEM))
    finish(lm.engine)
    assert handle.row.ids == alone(lm, SYSTEM)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), blocks=st.sampled_from([9, 14, 30, 200]))
def test_cancelling_at_any_moment_gives_the_memory_back_and_disturbs_nobody(lm, seed, blocks):
    draws = random.Random(seed)
    engine = small(lm, blocks, rows=draws.randint(1, 8), chunk=draws.choice([1, 32, 512]))
    handles, cancelled = [], set()
    for _ in range(40):
        if draws.random() < 0.4:
            prompt = draws.choice(PROMPTS)
            handles.append((prompt, engine.submit(make(lm, prompt, max_tokens=10))))
        if handles and draws.random() < 0.15:
            victim = draws.choice(handles)[1]
            engine.cancel(victim)
            cancelled.add(victim)
        engine.step()
    finish(engine)
    assert all_accounted(engine)
    for prompt, handle in handles:
        assert handle.done
        expected = reference(lm, prompt)
        if handle.cancelled:
            assert handle in cancelled
            assert handle.row.ids == expected[: len(handle.row.ids)]
        else:
            assert handle.row.ids == expected
    engine.forget()
    assert engine.memory()[1:] == (0, 0)


_KNOWN = {}


def reference(lm, prompt):
    key = (lm.config.family, prompt)
    if key not in _KNOWN:
        _KNOWN[key] = alone(lm, prompt, max_tokens=10)
    return _KNOWN[key]


def test_when_memory_is_short_the_oldest_goes_on_and_all_get_done_in_order(lm):
    # Each prompt fits with all others, what they will write does not.
    prompts = [[9 + i] * 15 for i in range(8)]
    options = {"max_tokens": 70, "temperature": 0.5, "stop_ids": ()}
    engine = small(lm, 12, speculate=False, rows=4)
    handles = [engine.submit(make(lm, prompt, **options)) for prompt in prompts]
    done = []
    while engine.busy:
        oldest = next(handle.row for handle in handles if not handle.done)
        written = len(oldest.ids)
        done += [handle for handle in engine.step() if handle.done]
        assert len(oldest.ids) == written + 1, "the oldest never waits"
    assert done == handles, "who had to give way does not lose its place"
    for handle, prompt in zip(handles, prompts, strict=True):
        assert handle.row.ids == alone(lm, prompt, **options)
    assert engine.memory()[0] == 12
    assert all_accounted(engine)


def test_a_request_larger_than_the_memory_gets_what_it_needs(lm):
    engine = small(lm, 2)
    handles = [engine.submit(make(lm, p, max_tokens=n)) for p, n in [("a", 3), ([9] * 100, 100)]]
    finish(engine)
    assert [h.row.finish is not None for h in handles] == [True, True]
    assert engine.memory()[0] >= 200 // BLOCK_TOKENS


def test_rows_that_write_go_on_while_a_long_prompt_is_read(lm):
    engine = Engine(lm.decoder, chunk=32, chunk_beside=16, speculate=False)
    writing = engine.submit(make(lm, [9], max_tokens=40, temperature=2.0))
    engine.step()
    engine.submit(make(lm, list(range(10, 10 + 160)), max_tokens=1))
    for _ in range(10):
        before = len(writing.row.ids)
        engine.step()
        assert writing.done or len(writing.row.ids) == before + 1


@pytest.mark.parametrize(("watched", "passes"), [(True, 10), (False, 5)])
def test_a_prompt_is_read_in_small_chunks_only_for_who_waits(lm, watched, passes):
    engine = Engine(lm.decoder, chunk=32, chunk_beside=16, speculate=False)
    writing = engine.submit(make(lm, [9], max_tokens=40), watched=watched)
    writing.row.stop_ids = frozenset()
    engine.step()
    reading = engine.submit(make(lm, list(range(10, 10 + 160)), max_tokens=1))
    for _ in range(passes):
        assert not reading.done
        engine.step()
    assert reading.done


def test_rows_begin_in_the_order_of_submission(lm):
    engine = Engine(lm.decoder, rows=1)
    handles = [engine.submit(make(lm, text, max_tokens=3)) for text in TEXTS[:5]]
    done = []
    while engine.busy:
        done += [handle for handle in engine.step() if handle.done]
    assert done == handles


def test_a_failing_decoder_ends_all_rows_and_the_engine_goes_on(lm, monkeypatch):
    engine = Engine(lm.decoder)
    handles = [engine.submit(make(lm, text)) for text in TEXTS[:3]]
    monkeypatch.setattr(lm.decoder, "logits", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        finish(engine)
    assert all(h.done and isinstance(h.error, ZeroDivisionError) for h in handles)
    monkeypatch.undo()
    handle = engine.submit(make(lm, TEXTS[0]))
    finish(engine)
    assert handle.row.ids == alone(lm, TEXTS[0])


def test_other_threads_may_submit_and_cancel(lm):
    engine = small(lm, 40, rows=4)
    handles = []

    def submit(number):
        for i in range(10):
            handle = engine.submit(make(lm, PROMPTS[(number + i) % len(PROMPTS)], max_tokens=10))
            handles.append((PROMPTS[(number + i) % len(PROMPTS)], handle))
            if i % 3 == 2:
                engine.cancel(handle)

    threads = [threading.Thread(target=submit, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    while any(t.is_alive() for t in threads) or engine.busy:
        engine.step()
    assert len(handles) == 30
    for prompt, handle in handles:
        assert handle.done
        assert handle.cancelled or handle.row.ids == reference(lm, prompt)
    assert all_accounted(engine)


def test_streams_side_by_side_write_together_and_an_abandoned_one_frees_its_memory(lm):
    expected = [lm.generate(text, max_tokens=30) for text in TEXTS[:3]]
    lm.engine.forget()
    streams = [lm.stream(text, max_tokens=30) for text in TEXTS[:3]]
    found = ["", "", ""]
    for _ in range(40):
        for i, stream in enumerate(streams):
            found[i] += next(stream, "")
    assert found == expected
    abandoned = lm.stream(TEXTS[0], max_tokens=30)
    next(abandoned)
    abandoned.close()
    assert not lm.engine.busy
    assert all_accounted(lm.engine)


# Guesses.


def test_text_that_repeats_is_guessed_and_stays_the_same(lm, monkeypatch):
    monkeypatch.setitem(speculation.FREE_TOKENS, "cpu", 1_000)
    prompt = encode_text(lm.tokenizer, TEXTS[0])
    expected = alone(lm, prompt, max_tokens=CONTEXT - len(prompt))
    engine = Engine(lm.decoder)
    # A prompt that holds the answer: all of it can be looked up.
    told = [*prompt, *expected[:60], *prompt]
    handle = engine.submit(make(lm, told, max_tokens=60))
    steps = finish(engine)
    assert handle.row.ids == alone(lm, told, max_tokens=60)
    assert steps <= 61
    assert all_accounted(engine)


def test_a_loop_is_written_in_few_passes(lm, monkeypatch):
    monkeypatch.setitem(speculation.FREE_TOKENS, "cpu", 1_000)
    cycle = [20, 21, 22, 23, 24]

    def logits(hidden):
        # The token after t is that of the cycle, whatever the decoder says.
        out = torch.zeros(len(hidden), lm.config.vocab_size)
        for i, token in enumerate(seen[-len(hidden) :]):
            out[i, cycle[(cycle.index(token) + 1) % 5]] = 1
        return out

    seen = []
    forward = lm.decoder.forward
    monkeypatch.setattr(
        lm.decoder, "forward", lambda ids, **kw: seen.extend(ids[0].tolist()) or forward(ids, **kw)
    )
    monkeypatch.setattr(lm.decoder, "logits", logits)
    engine = Engine(lm.decoder)
    handle = engine.submit(make(lm, cycle * 2, max_tokens=100))
    assert finish(engine) < 25
    assert handle.row.ids == cycle * 20
    assert len(seen) < 10 + 130, "what was guessed and right is not read again"


def test_guesses_are_made_only_where_they_pay():
    assert worthwhile(0.5, 1, 24) == 4
    assert worthwhile(0.0, 1, 24) == 0
    assert worthwhile(0.5, 64, 24) == 0
    assert worthwhile(1.0, 1, 24) == speculation.MOST
    loads = [worthwhile(0.8, load, 24) for load in range(1, 200)]
    assert loads == sorted(loads, reverse=True)


def test_guessing_stops_when_it_fails_and_is_tried_again_ever_more_rarely():
    speculator = Speculator(24)
    text = [1, 2, 3] * 50
    tried = []
    for turn in range(3_000):
        if guess := speculator.propose(text, 4, 100):
            tried.append(turn)
            speculator.learn(len(guess), 0)
    assert len(tried) < 25
    gaps = [b - a for a, b in pairwise(tried)]
    assert max(gaps) >= 256
    # The text becomes predictable: guesses come back.
    made = []
    for _ in range(4_000):
        guess = speculator.propose(text, 4, 100)
        made.append(len(guess))
        if guess:
            speculator.learn(len(guess), len(guess))
    assert made[-1] > 5


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=40), st.integers(1, 8))
def test_a_guess_is_what_followed_the_same_three_tokens_last(tokens, most):
    speculator = Speculator(10_000)
    guess = speculator.propose(tokens, 1, most)
    ends = [e for e in range(3, len(tokens)) if tokens[e - 3 : e] == tokens[-3:]]
    if len(tokens) < 3 or not ends:
        assert guess == []
    else:
        assert 1 <= len(guess) <= most
        longer = tokens + guess
        assert all(longer[ends[-1] + i] == token for i, token in enumerate(guess))
