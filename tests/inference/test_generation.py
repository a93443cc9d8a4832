"""Writing: against transformers, and independent of what else is in the batch."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from inference_reference import CONTEXT, TEXTS

from leitai.base import LeitaiError
from leitai.inference import Engine, encode_text
from leitai.inference.sampler import Sampler

PROMPTS = [*TEXTS[:7], "", "a", "我", TEXTS[0] + TEXTS[3]]
RANDOM = {"temperature": 1.3, "top_p": 0.95, "top_k": 50, "repetition_penalty": 1.1}


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_greedy_writing_equals_the_references(lm, reference, penalty):
    found = lm.complete(PROMPTS, max_tokens=25, repetition_penalty=penalty)
    for prompt, ours in zip(PROMPTS, found, strict=True):
        ids = encode_text(lm.tokenizer, prompt)
        theirs = reference.generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.int64),
            max_new_tokens=25,
            do_sample=False,
            repetition_penalty=penalty,
            eos_token_id=list(lm.stop_ids),
            pad_token_id=lm.tokenizer.pad_id,
        )[0, len(ids) :].tolist()
        stopped = [i for i, token in enumerate(theirs) if token in lm.stop_ids]
        assert ours.ids == (theirs[: stopped[0]] if stopped else theirs)
        assert ours.finish == ("stop" if stopped else "length")
        assert ours.text == lm.tokenizer.decode(ours.ids, skip_special=True)


@settings(max_examples=6, deadline=None)
@given(
    order=st.permutations(range(len(PROMPTS))),
    count=st.integers(1, len(PROMPTS)),
    options=st.sampled_from([{}, RANDOM, RANDOM | {"seed": 3}]),
)
def test_a_row_does_not_depend_on_its_batch(lm, order, count, options):
    chosen = [PROMPTS[i] for i in order[:count]]
    together = lm.complete(chosen, max_tokens=12, **options)
    alone = [lm.complete([prompt], max_tokens=12, **options)[0] for prompt in chosen]
    assert together == alone


@pytest.mark.parametrize(
    "limits", [{"rows": 1}, {"chunk": 1}, {"cache_bytes": 1}, {"speculate": False}]
)
@pytest.mark.parametrize("options", [{}, RANDOM])
def test_small_engines_write_the_same(lm, monkeypatch, limits, options):
    expected = lm.complete(PROMPTS, max_tokens=20, **options)
    monkeypatch.setattr(lm, "engine", Engine(lm.decoder, **limits))
    assert lm.complete(PROMPTS, max_tokens=20, **options) == expected


def test_seeds_differ_and_repeat(lm):
    def write(seed):
        return lm.generate(TEXTS[0], max_tokens=20, temperature=1.5, seed=seed)

    assert write(1) == write(1)
    assert len({write(seed) for seed in range(6)}) > 1


@pytest.mark.parametrize("options", [{}, RANDOM])
def test_the_stream_is_what_generate_returns(lm, options):
    for prompt in PROMPTS[::3]:
        pieces = list(lm.stream(prompt, max_tokens=25, **options))
        assert "".join(pieces) == lm.generate(prompt, max_tokens=25, **options)
        assert all(pieces)


def test_streaming_does_not_leave_inference_mode_on(lm):
    stream = lm.stream("a", max_tokens=5, temperature=1.0)
    next(stream, None)
    assert not torch.is_inference_mode_enabled()
    weight = torch.ones(2, requires_grad=True)
    (weight * 2).sum().backward()


def test_every_stop_id_ends_the_text_and_is_no_part_of_it(lm, monkeypatch):
    ids = lm.complete(["Where is"], max_tokens=10)[0].ids
    assert len(ids) == 10, "the random model goes on long enough for the test"
    for place in range(1, 10):
        if ids[place] in ids[:place]:
            continue
        monkeypatch.setattr(lm, "stop_ids", (*lm.stop_ids, ids[place]))
        found = lm.complete(["Where is"], max_tokens=10)[0]
        assert found.ids == ids[:place]
        assert found.finish == "stop"
        monkeypatch.undo()


def test_stop_ids_are_the_union_of_all_files(models):
    named = {
        "qwen2": {"<|im_end|>", "<|endoftext|>"},
        "qwen3": {"<|im_end|>", "<|endoftext|>"},
        "llama": {"<|eot_id|>", "<|end_of_text|>", "<|eom_id|>"},
    }
    for family, names in named.items():
        lm = models[family]
        assert {lm.tokenizer.special[name] for name in names} <= set(lm.stop_ids)


def test_stop_strings_cut_the_text(lm):
    text = lm.generate(TEXTS[1], max_tokens=40)
    for start in range(1, len(text) - 3, 5):
        stop = text[start : start + 3]
        if "\ufffd" in stop:
            continue  # it stands for bytes that are no character, which no stop string can name
        expected = text[: text.index(stop)]
        assert lm.generate(TEXTS[1], max_tokens=40, stop=stop) == expected
        assert lm.generate(TEXTS[1], max_tokens=40, stop=["\x00", stop]) == expected
        assert "".join(lm.stream(TEXTS[1], max_tokens=40, stop=[stop])) == expected


def test_limits_in_tokens_and_characters(lm):
    found = lm.complete([TEXTS[2]], max_tokens=7)[0]
    assert len(found.ids) <= 7
    text = lm.generate(TEXTS[2], max_tokens=60)
    for limit in range(1, min(len(text), 20)):
        assert lm.generate(TEXTS[2], max_tokens=60, max_characters=limit) == text[:limit]


def test_writing_ends_where_the_context_is_full(lm):
    prompt = [5] * (CONTEXT - 6)
    found = lm.complete([prompt], max_tokens=1000, temperature=2.0)[0]
    assert len(found.ids) <= 6
    with pytest.raises(LeitaiError, match=r"prompt 1: .*tokens"):
        lm.generate([5] * CONTEXT)


def test_special_tokens_are_not_shown_in_the_text(lm, monkeypatch):
    special = sorted(set(lm.tokenizer.special.values()) - set(lm.stop_ids))[0]
    written = iter([special, *lm.tokenizer.encode("ab"), *lm.stop_ids[:1]])
    monkeypatch.setattr(Sampler, "next", lambda *_: next(written))
    found = lm.complete(["x"], max_tokens=9, temperature=1.0)[0]
    assert found.text == "ab"
    assert found.ids[0] == special


def test_prompts_may_be_ids_and_one_or_many(lm):
    ids = encode_text(lm.tokenizer, "Where is")
    one = lm.generate("Where is", max_tokens=6)
    assert lm.generate(ids, max_tokens=6) == one
    assert lm.generate([ids, "Where is"], max_tokens=6) == [one, one]
    assert lm.generate([], max_tokens=6) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 0),
        ("max_tokens", 2.5),
        ("max_characters", 0),
        ("stop", ""),
        ("stop", [""]),
        ("stop", [3]),
        ("temperature", -1.0),
        ("max_length", 5),
    ],
)
def test_settings_out_of_range_are_named(lm, name, value):
    with pytest.raises(LeitaiError, match=name):
        lm.generate("a", **{name: value})
    with pytest.raises(LeitaiError, match=name):
        lm.stream("a", **{name: value})
