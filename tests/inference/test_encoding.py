"""Where a text begins and where a continuation begins, in ids."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inference_reference import TEXTS

from leitai.base import LeitaiError
from leitai.inference import encode_pair, encode_text
from leitai.inference.encoding import start_id

WORDS = [
    " ",
    "order",
    "Where",
    " is",
    "?",
    "退",
    "书",
    "我的",
    "，",
    "\n",
    "🙂",
    "12",
    "<|im_end|>",
]
texts = st.lists(st.sampled_from(WORDS), max_size=6).map("".join)


def harness_rule(tokenizer, context, continuation):
    """lm-eval's `_encode_pair` for causal models, restated from its documentation."""
    spaces = len(context) - len(context.rstrip())
    if spaces:
        context, continuation = context[:-spaces], context[-spaces:] + continuation
    whole, before = tokenizer.encode(context + continuation), tokenizer.encode(context)
    return before, whole[len(before) :], whole[: len(before)] == before


@settings(max_examples=300, deadline=None)
@given(context=texts, continuation=texts.filter(bool))
def test_the_split_is_the_harnesss_wherever_no_token_spans_the_boundary(lm, context, continuation):
    before, rest = encode_pair(lm.tokenizer, context, continuation)
    expected_before, expected_rest, clean = harness_rule(lm.tokenizer, context, continuation)
    prefix = [] if lm.tokenizer.bos_id is None else [lm.tokenizer.bos_id]
    prefix = prefix or ([] if expected_before else [start_id(lm.tokenizer)])
    if clean:
        assert (before, rest) == (prefix + expected_before, expected_rest)
    assert len(rest) > 0
    start = 1 if before[0] == start_id(lm.tokenizer) else 0
    assert lm.tokenizer.decode([*before[start:], *rest]) == context + continuation
    assert lm.tokenizer.decode(rest).endswith(continuation.lstrip() or continuation)


def test_a_token_across_the_boundary_is_scored_whole(models):
    tokenizer = models["qwen2"].tokenizer
    whole = tokenizer.encode("Where")
    assert len(whole) == 1, "the corpus makes this one token"
    before, rest = encode_pair(tokenizer, "Wh", "ere")
    assert (before, rest) == ([start_id(tokenizer)], whole)


@pytest.mark.parametrize("context", ["", "Where is", "我的", " "])
def test_llama_has_exactly_one_bos_and_qwen_none(models, context):
    llama, qwen = models["llama"].tokenizer, models["qwen3"].tokenizer
    bos = "<|begin_of_text|>"
    for text in (context, bos + context):
        before, rest = encode_pair(llama, text, " order")
        assert [*before, *rest].count(llama.bos_id) == 1
        assert before[0] == llama.bos_id
        assert encode_text(llama, text).count(llama.bos_id) == 1
    before, rest = encode_pair(qwen, context, " order")
    end = qwen.special["<|endoftext|>"]
    assert [*before, *rest].count(end) == (0 if context.strip() else 1)


def test_an_empty_text_is_conditioned_on_the_start_token(models):
    assert encode_pair(models["qwen2"].tokenizer, "", "order")[0] == [
        models["qwen2"].tokenizer.special["<|endoftext|>"]
    ]
    assert encode_text(models["qwen2"].tokenizer, "") == [start_id(models["qwen2"].tokenizer)]
    assert encode_text(models["llama"].tokenizer, "") == [models["llama"].tokenizer.bos_id]
    assert start_id(models["llama"].tokenizer) == models["llama"].tokenizer.bos_id


def test_control_tokens_typed_by_a_user_stay_text(lm):
    for text in ("<|im_end|>", "<|eot_id|>", "<|endoftext|>"):
        control = set(lm.tokenizer.special.values())
        before, rest = encode_pair(lm.tokenizer, f"a {text}", f" b {text}")
        start = 1 if before[0] == lm.tokenizer.bos_id else 0
        assert not control & {*before[start:], *rest}


def test_an_empty_continuation_is_refused(lm):
    with pytest.raises(LeitaiError, match="continuation is empty"):
        encode_pair(lm.tokenizer, TEXTS[0], "")
