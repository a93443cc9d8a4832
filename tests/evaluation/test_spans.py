"""Exact match and F1 against the official scripts' rules, written down again here step by step."""

import re
import string
import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitai.evaluation.metrics.spans import cmrc_segments, span_scores

ENGLISH = st.text(st.sampled_from("the a an cat sat Mat, dog. 1 2 - '\""), max_size=30)
MIXED = st.text(st.sampled_from("中文答案是在北京，。《》 ab1 2.x-%+$="), max_size=20)


def squad_normal(text):
    text = text.lower()
    text = "".join(ch for ch in text if ch not in set(string.punctuation))
    text = re.sub(r"\b(a|an|the)\b", " ", text)
    return " ".join(text.split())


def bag_f1(ours, theirs):
    same = sum((Counter(ours) & Counter(theirs)).values())
    if not ours or not theirs:
        return float(ours == theirs)
    if same == 0:
        return 0.0
    precision, recall = same / len(ours), same / len(theirs)
    return 2 * precision * recall / (precision + recall)


@given(ENGLISH, ENGLISH)
def test_squad(written, answer):
    exact, f1 = span_scores(written, [answer], "squad")
    a, b = squad_normal(written), squad_normal(answer)
    assert exact == float(a == b)
    assert f1 == pytest.approx(bag_f1(a.split(), b.split()))


def mlqa_normal(text):
    """Lower, drop punctuation, then each Chinese character a token and the rest by spaces."""
    text = "".join(
        ch
        for ch in text.lower()
        if not (unicodedata.category(ch).startswith("P") or ch in string.punctuation)
    )
    tokens, run = [], ""
    for ch in text:
        if re.search(r"[\u4e00-\u9fa5]", ch):
            tokens += [*run.split(), ch]
            run = ""
        else:
            run += ch
    return tokens + run.split()


@given(MIXED, MIXED)
def test_characters(written, answer):
    exact, f1 = span_scores(written, [answer], "characters")
    a, b = mlqa_normal(written), mlqa_normal(answer)
    assert exact == float(" ".join(a) == " ".join(b))
    assert f1 == pytest.approx(bag_f1(a, b))


def longest_common_run(a, b):
    return max(
        (
            size
            for size in range(1, min(len(a), len(b)) + 1)
            if any(
                a[i : i + size] == b[j : j + size]
                for i in range(len(a) - size + 1)
                for j in range(len(b) - size + 1)
            )
        ),
        default=0,
    )


@given(st.text("北京上海市在", max_size=12), st.text("北京上海市在", min_size=1, max_size=12))
def test_cmrc_counts_the_longest_common_run(written, answer):
    _, f1 = span_scores(written, [answer], "cmrc2018")
    run = longest_common_run(written, answer)
    expected = 2 * run / (len(written) + len(answer)) if run else 0.0
    assert f1 == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("光荣和ω-force", ["光", "荣", "和", "ωforce"]),
        ("Andrew W. Mellon基金", ["andrew", "w.", "mellon", "基", "金"]),
        ("3,000米(约2%)", ["3,000", "米", "(", "约", "2", "%", ")"]),
        ("《“北京”》。", ["北", "京"]),
    ],
)
def test_cmrc_segments_as_the_official_script_with_nltk(text, segments):
    assert cmrc_segments(text) == segments


def test_the_best_accepted_answer_counts():
    assert span_scores("The Beatles", ["Queen", "beatles"], "squad") == (1.0, 1.0)
    # Bag of words {cat, sat, mat} against {cat, mat}: precision 2/3, recall 1.
    assert span_scores("a cat sat mat", ["the cat mat!"], "squad")[1] == pytest.approx(0.8)
