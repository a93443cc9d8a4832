"""The article's claims: each experiment runs in the small, and its verdict follows from it."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest

from leitai.base import LeitaiError
from leitai.comparison.statistics import holm
from leitai.comparison.suites.article import CLAIMS, Settings, run_article
from leitai.comparison.suites.article.bench import by_group
from leitai.comparison.suites.article.causality import both_ways, reach_of_a_token
from leitai.comparison.suites.article.findings import (
    Finding,
    adjusted,
    compared,
    fact,
    sign_of,
    verdict_of,
)
from leitai.comparison.suites.article.languages import _parted
from leitai.comparison.suites.article.page import render_markdown, render_page
from leitai.comparison.suites.article.rates import _optimum
from leitai.comparison.suites.article.tuning import if_learnt
from leitai.comparison.wording import Bilingual
from leitai.evaluation import ItemRecord

TINY = Settings(
    seeds=2,
    utterances=4,
    vocab_size=600,
    text_steps=2,
    instruction_steps=2,
    sorting_steps=2,
    rows=40,
    per_label=1,
    few_epochs=1,
    long_epochs=2,
    sweep_steps=2,
    sweep_rates=(1e-3, 3e-3, 9e-3),
    repeats=2,
    written=8,
)
NAME = Bilingual.same("x")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tmp_path_factory.mktemp("article") / "run"


@pytest.mark.parametrize("preset", ["qwen2-nano", "qwen3-nano", "llama3-nano"])
def test_a_later_token_reaches_nothing_before_it_unless_attention_is_opened(preset):
    from leitai.models import init_decoder, scratch_config

    decoder = init_decoder(scratch_config(preset, 300), 1)
    own = reach_of_a_token(decoder)
    assert own.causal
    assert own.before == 0
    opened = reach_of_a_token(decoder, both_ways)
    assert not opened.causal
    assert opened.before > 1e-3


def test_the_place_that_is_changed_does_not_matter():
    from leitai.models import init_decoder, scratch_config

    decoder = init_decoder(scratch_config("llama3-nano", 300), 2)
    for place in (1, 20, 47):
        assert reach_of_a_token(decoder, place=place).causal
        assert not reach_of_a_token(decoder, both_ways, place=place).causal


def test_signs_and_verdicts():
    better, worse = np.full((30, 3), 1.0), np.zeros((30, 3))
    better[0] = 0.5
    found = compared(NAME, better, worse)
    assert found.low < found.value < found.high
    assert sign_of(found, found.p) == "for"
    assert sign_of(compared(NAME, worse, better), found.p) == "against"
    assert sign_of(found, 0.05) == "open"
    assert sign_of(fact(NAME, 1.0), None) is None
    assert verdict_of(["for", None, "for"]) == "supported"
    assert verdict_of(["against"]) == "refuted"
    assert verdict_of(["for", "against"]) == verdict_of(["for", "open"]) == "mixed"
    assert verdict_of(["open", None]) == "undecided"
    assert verdict_of([None]) == "not_testable"


@pytest.mark.parametrize(("low", "counts"), [(0.02, False), (0.6, True)])
def test_nothing_is_compared_where_nothing_is_learnt(low, counts):
    bench = SimpleNamespace(labels=("a", "b"))
    ways = [Finding(NAME, 0.7, low=low, high=0.9), Finding(NAME, 0.3, low=0.1, high=0.4)]
    found = if_learnt(bench, ways, [Finding(NAME, 0.4, p=0.001)])
    assert found[0].value == 0.5
    assert (found[-1].p is not None) == counts


def test_holm_runs_over_the_tests_of_all_claims():
    groups = [
        [Finding(NAME, 1.0, p=0.01), fact(NAME, 1.0, holds=True)],
        [Finding(NAME, 1.0, p=0.04), Finding(NAME, 1.0, p=0.03)],
    ]
    expected = holm([0.01, 0.04, 0.03])
    assert adjusted(groups) == [[expected[0], None], expected[1:]]


def test_groups_keep_the_ratio_of_sums():
    def record(name, group, language, numerator, denominator):
        blank = {"input": "", "expected": "", "answer": "", "correct": None, "parsed": True}
        return ItemRecord(
            id=name,
            slices=(language,),
            numerator=numerator,
            denominator=denominator,
            detail={},
            group=group,
            **blank,
        )

    records = [
        record("1", "a", "zh", 3.0, 2.0),
        record("2", "a", "en", 5.0, 10.0),
        record("3", "b", "zh", 1.0, 6.0),
    ]
    assert by_group(records).mean() == pytest.approx(9 / 18)
    assert len(by_group(records)) == 2


@pytest.mark.parametrize(
    ("text", "first"), [("where is it", "where"), ("我的订单", "我"), ("查 order 12", "查")]
)
def test_a_text_is_measured_after_its_first_word(text, first):
    parted = _parted(text)
    assert parted["context"] == first
    assert parted["context"] + parted["continuation"] == text


def test_the_best_rate_is_that_of_the_parabola():
    places = np.array([0.0, 2.0, 4.0, 6.0])
    losses = np.stack([(places - at) ** 2 for at in (2.6, 3.4, 4.9, -3.0, 9.0)])
    assert _optimum(places, losses) == pytest.approx([2.6, 3.4, 4.9, 0.0, 6.0])


SLOW = ("learning-rate", "size-cost")


@pytest.mark.parametrize(
    "claim",
    [pytest.param(c.id, marks=[pytest.mark.slow] if c.id in SLOW else []) for c in CLAIMS],
)
def test_every_experiment_runs_and_is_not_repeated(run, claim, monkeypatch):
    first = run_article(run, only=[claim], settings=TINY).table
    entry = next(c for c in first["claims"] if c["id"] == claim)
    assert entry["findings"]
    for finding in entry["findings"]:
        assert set(finding["name"]) == {"en", "zh"}
        assert finding["low"] is None or finding["low"] <= finding["value"] <= finding["high"]
    page = (run / "claims.html").read_bytes()
    monkeypatch.setattr("leitai.training.train", None)
    monkeypatch.setattr("leitai.inference.LanguageModel.load", None)
    assert run_article(run, only=[claim], settings=TINY).table == first
    assert (run / "claims.html").read_bytes() == page


def test_llama_3_is_no_autoencoder(run):
    table = run_article(run, only=["autoencoder"], settings=TINY).table
    entry = next(c for c in table["claims"] if c["id"] == "autoencoder")
    assert entry["verdict"] == "refuted"


@pytest.mark.slow
def test_what_sizes_cost_is_counted_exactly(run):
    """By hand for nano: 6 operations a weight and token, the embedding's lookup apart."""
    from leitai.comparison.suites.article.sizes import PUBLISHED, SIZES
    from leitai.models import parameter_count, preset, scratch_config

    table = run_article(run, only=["size-cost"], settings=TINY).table
    entry = next(c for c in table["claims"] if c["id"] == "size-cost")
    found = {finding["name"]["en"]: finding for finding in entry["findings"]}
    configs = {name: scratch_config(name, TINY.vocab_size) for name in SIZES}
    configs |= {name: preset(name) for name in PUBLISHED}
    for name, config in configs.items():
        count = parameter_count(config)
        assert found[f"{name}: parameters"]["value"] == pytest.approx(count / 1e6)
        assert found[f"{name}: weights in bfloat16"]["value"] == pytest.approx(2 * count / 1e9)
        table_size = config.vocab_size * config.hidden_size
        multiplied = count if config.tie_word_embeddings else count - table_size
        flops = found[f"{name}: training a token in full"]["value"]
        assert flops == pytest.approx(6 * multiplied / 1e9, rel=0.01)
    forecast = "forecast for 1,000 rows by LoRA on this machine"
    hours = [found[f"{name}: {forecast}"]["value"] for name in PUBLISHED]
    assert hours == sorted(hours)
    assert found["published sizes: memory and operations grow with the parameters"]["sign"] == "for"


def test_the_tables_hold_every_claim_in_both_languages(run):
    table = run_article(run, only=["autoencoder"], settings=TINY).table
    assert json.loads((run / "claims.json").read_text("utf-8")) == table
    texts = render_page(table), render_markdown(table)
    for claim in table["claims"]:
        for text in texts:
            assert claim["says"]["en"] in text
            assert claim["says"]["zh"] in text
    assert "http" not in texts[0]
    assert "<script" not in texts[0]


def test_sizes_of_the_experiments_are_part_of_what_is_cached(run):
    more = dataclasses.replace(TINY, utterances=5)
    before = run_article(run, only=["languages"], settings=TINY).table
    after = run_article(run, only=["languages"], settings=more).table
    assert before["claims"] != after["claims"]


def test_an_unknown_claim_is_refused(tmp_path):
    with pytest.raises(LeitaiError, match="no claim") as caught:
        run_article(tmp_path, only=["language"])
    assert "languages" in caught.value.remedy
