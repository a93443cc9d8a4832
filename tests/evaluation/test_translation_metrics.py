"""BLEU, chrF and chrF++ against sacrebleu."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitai.data import bookshop
from leitai.evaluation.asking import reference_of
from leitai.evaluation.metrics.bleu import bleu_counts, bleu_of_counts
from leitai.evaluation.metrics.chrf import chrf
from leitai.evaluation.metrics.units import han_share, units
from leitai.evaluation.tasks.translation import untranslated

sacrebleu = pytest.importorskip("sacrebleu")

ROWS = [row for row in bookshop.rows("translate") if row.split == "test"][:120]


def pairs(language):
    """References beside neighbours' references: partly alike, of all lengths."""
    own = [reference_of(row) for row in ROWS if row.language == language]
    mixed = [f"{a[: len(a) // 2]}{b[len(b) // 2 :]}" for a, b in pairwise(own)]
    return mixed, own[:-1]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("word_order", [0, 2])
def test_chrf_of_corpus_and_sentence(language, word_order):
    written, references = pairs(language)
    official = sacrebleu.CHRF(word_order=word_order)
    ours = chrf(written, references, word_order=word_order)
    assert 100 * ours == pytest.approx(official.corpus_score(written, [references]).score, abs=1e-9)
    for answer, reference in zip(written[:20], references, strict=False):
        ours = chrf([answer], [reference], word_order=word_order)
        theirs = official.sentence_score(answer, [reference]).score
        assert 100 * ours == pytest.approx(theirs, abs=1e-9)


@given(st.text("ab c.,!d", max_size=15), st.text("ab c.,!d", min_size=1, max_size=15))
def test_chrf_pp_of_any_text(written, reference):
    theirs = sacrebleu.CHRF(word_order=2).sentence_score(written, [reference]).score
    assert 100 * chrf([written], [reference], word_order=2) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(("language", "tokenize"), [("zh", "zh"), ("en", "13a")])
def test_bleu_has_the_languages_tokenisation(language, tokenize):
    written, references = pairs(language)
    theirs = sacrebleu.corpus_bleu(written, [references], tokenize=tokenize).score
    assert theirs > 5
    assert 100 * bleu_of_counts(bleu_counts(written, references, language)) == pytest.approx(theirs)


@pytest.mark.parametrize(
    ("answer", "reference", "to", "wrong"),
    [
        ("你好", "Hello", "en", True),
        ("Hello", "你好", "zh", True),
        ("", "你好", "zh", True),
        ("你好 Tom", "你好，汤姆", "zh", False),
        ("Hello 李 Bai", "Hello Li Bai", "en", False),
        ("iPhone 15 Pro", "iPhone 15 Pro", "zh", False),
    ],
)
def test_the_wrong_script_is_seen(answer, reference, to, wrong):
    assert untranslated(answer, reference, to) is wrong


def test_units_are_characters_and_words():
    assert units("我在Lamplight's店 买3本。") == ["我", "在", "lamplight's", "店", "买", "3", "本"]
    assert han_share("ab 中文") == pytest.approx(2 / 3)
    assert han_share("?!") == 0
