"""Fair search: the same draws for both, halving by budget, and a search that was killed."""

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from duel_example import example
from hypothesis import given
from hypothesis import strategies as st

from leitai.adapters.method import Full, LoRA
from leitai.base import LeitaiError
from leitai.comparison.duel import compare
from leitai.comparison.report import ReportData, Search
from leitai.comparison.report.markdown import render_markdown
from leitai.comparison.report.page import render_page
from leitai.comparison.search import SearchSpec, halving
from leitai.comparison.search.draws import at_rung, draw, steps_in_all, survivors
from leitai.comparison.stages import Stages
from leitai.training.failure import DivergedError
from leitai.training.spec import AdaptSpec, ValidationSpec

SPEC = """
name: searched
seed: 3
contenders:
  - {name: Q, model: "scratch:qwen3-nano"}
  - {name: L, model: "scratch:llama3-nano"}
scratch: {vocab_size: 500}
train_on:
  - {set: bookshop, view: intents, per_label: 2}
adapt: {method: {name: full}, epochs: 2, learning_rate: 0.003}
search: {trials: 4, learning_rate: [1.0e-4, 1.0e-2], epochs: [1, 2], rungs: 2, eta: 2}
track: []
tasks:
  - {name: intents, kind: classification, data: {set: bookshop, view: intents}, max_items: 8}
"""

SEARCHES = st.builds(
    SearchSpec,
    trials=st.integers(27, 60),
    learning_rate=st.tuples(st.floats(1e-6, 1e-3), st.floats(2e-3, 1.0)),
    rank=st.none() | st.lists(st.integers(1, 64), min_size=1, max_size=4).map(tuple),
    epochs=st.none() | st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple),
    rungs=st.integers(1, 4),
    eta=st.integers(2, 3),
    by=st.sampled_from(["steps", "epochs"]),
)


@given(SEARCHES, st.integers(0, 2**31 - 1))
def test_draws_lie_in_their_ranges_and_repeat(search, seed):
    trials = draw(search, seed)
    assert trials == draw(search, seed) and len(trials) == search.trials
    assert [trial.number for trial in trials] == list(range(1, search.trials + 1))
    low, high = search.learning_rate
    assert all(low <= trial.learning_rate <= high for trial in trials)
    for name in ("rank", "epochs"):
        choices = getattr(search, name)
        assert {getattr(trial, name) for trial in trials} <= set(choices or [None])
    fewer = draw(search.model_copy(update={"epochs": None}), seed)
    assert [trial.learning_rate for trial in fewer] == [trial.learning_rate for trial in trials]


def test_rates_are_even_over_their_logarithm():
    trials = draw(SearchSpec(trials=200, learning_rate=(1e-5, 1e-1), rank=(4, 8)), 1)
    logs = [math.log10(trial.learning_rate) for trial in trials]
    for decade in range(-5, -1):  # binomial(200, 1/4): within 4 standard deviations
        assert 25 <= sum(decade <= x < decade + 1 for x in logs) <= 75
    assert 70 <= sum(trial.rank == 4 for trial in trials) <= 130
    assert draw(SearchSpec(trials=200, learning_rate=(1e-5, 1e-1)), 2) != trials


@given(SEARCHES, st.integers(1, 20), st.integers(1, 50), st.none() | st.integers(1, 99))
def test_rungs_grow_to_the_whole_budget(search, epochs, per_epoch, max_steps):
    adapt = AdaptSpec(epochs=epochs, max_steps=max_steps)
    specs = [at_rung(adapt, search, rung, per_epoch) for rung in range(search.rungs)]
    assert specs[-1] == adapt
    totals = [min(s.epochs * per_epoch, s.max_steps or math.inf) for s in specs]
    assert totals == sorted(totals) and totals[0] >= 1
    counts = [survivors(search, rung) for rung in range(search.rungs)]
    assert counts[0] == search.trials and counts == sorted(counts, reverse=True)
    assert counts[-1] >= 1


def test_a_trial_changes_only_what_is_searched():
    adapt = AdaptSpec(method=LoRA(rank=2, dropout=0.1), ema=0.9)
    trial = draw(SearchSpec(trials=2, rank=(7,), learning_rate=(1e-4, 1e-3)), 0)[0]
    found = trial.apply(adapt)
    assert found.method == LoRA(rank=7, dropout=0.1)
    assert found.model_copy(
        update={"method": adapt.method, "learning_rate": adapt.learning_rate}
    ) == (adapt)


def made_up(tmp_path, losses, search, adapt=None, higher=False):
    """A search whose runs are told their score by (trial, rung); None diverges."""
    done = []

    def train_at(spec, folder, title):
        trial, rung = folder.parent.name, folder.name
        done.append((int(trial[-2:]), int(rung[-1]), spec))
        loss = losses(int(trial[-2:]), int(rung[-1]))
        if loss is None:
            raise DivergedError("the loss is nan")
        (folder / "model").mkdir(parents=True)
        score = loss if higher else None
        return SimpleNamespace(best_loss=loss, best_score=score, steps=1)

    adapt = adapt or AdaptSpec(method=Full(), epochs=9, batch_rows=1)
    chosen, winner = halving.find_settings(
        "A", adapt, search, 5, 10, tmp_path, {"x": 1}, train_at, Stages(tmp_path)
    )
    return done, chosen, winner


def test_halving_promotes_the_best_and_trains_the_winner_whole(tmp_path):
    search = SearchSpec(trials=9, learning_rate=(1e-4, 1e-2), rungs=3, eta=3)
    # at first the low numbers lead, later the high ones among those left
    done, chosen, winner = made_up(tmp_path, lambda t, rung: t if rung == 0 else -t, search)
    assert [(t, r) for t, r, _ in done] == [
        *((t, 0) for t in range(1, 10)),
        *((t, 1) for t in (1, 2, 3)),
        (3, 2),
    ]
    assert [spec.max_steps for _, _, spec in done] == [10] * 9 + [30] * 3 + [None]
    assert winner == tmp_path / "search/trial-03/rung-2"
    assert chosen == draw(search, 5)[2].apply(AdaptSpec(method=Full(), epochs=9, batch_rows=1))
    assert sorted(tmp_path.rglob("model")) == [winner / "model"]
    report = json.loads((tmp_path / "search.json").read_text())
    assert report["best"] == 3 and report["trials"][2]["scores"] == [3, -3, -3]
    again, *_ = made_up(tmp_path, lambda t, rung: 0 / 0, search)
    assert again == []  # found searched


def test_trials_that_diverge_lose_and_more_is_better_where_it_is(tmp_path):
    search = SearchSpec(trials=3, learning_rate=(1e-4, 1e-2))
    adapt = AdaptSpec(method=Full(), validation=ValidationSpec(metric="accuracy"))
    scores = {1: 0.2, 2: None, 3: 0.9}
    _, _, winner = made_up(tmp_path, lambda t, rung: scores[t], search, adapt, higher=True)
    assert winner.parent.name == "trial-03"
    trials = json.loads((tmp_path / "search.json").read_text())["trials"]
    assert [trial["scores"] for trial in trials] == [[0.2], [None], [0.9]]
    with pytest.raises(LeitaiError, match="all 3 trials diverged"):
        made_up(tmp_path / "worse", lambda t, rung: None, search)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({}, "nothing to search"),
        ({"learning_rate": (1e-2, 1e-3)}, "lowest, highest"),
        ({"rank": (0,)}, "1 or more"),
        ({"epochs": (2,), "trials": 3, "rungs": 3}, "need at least 9 trials, found 3"),
    ],
)
def test_mistakes_are_told(search, message):
    with pytest.raises(ValueError, match=message):
        SearchSpec(**search)


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    path = tmp_path_factory.mktemp("spec") / "searched.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture(scope="module")
def finished(spec, tmp_path_factory):
    return compare(spec, tmp_path_factory.mktemp("search") / "run")


def settings(folder, side):
    report = json.loads((folder / f"contenders/{side}/search.json").read_text("utf-8"))
    names = ("number", "learning_rate", "rank", "epochs")
    return [tuple(trial[name] for name in names) for trial in report["trials"]], report


@pytest.mark.slow
def test_both_sides_tried_the_same_settings_and_took_their_best(finished):
    (ours, a), (theirs, b) = settings(finished.folder, "A"), settings(finished.folder, "B")
    assert ours == theirs and len(ours) == 4
    for side, report in (("A", a), ("B", b)):
        folder = finished.folder / "contenders" / side
        last = {t["number"]: t["scores"][1] for t in report["trials"] if len(t["scores"]) == 2}
        assert len(last) == 2 and report["best"] == min(last, key=last.get)
        found = json.loads((folder / "run/result.json").read_text("utf-8"))
        trial = report["trials"][report["best"] - 1]
        assert found["identity"]["adapt"]["learning_rate"] == trial["learning_rate"]
        assert found["identity"]["adapt"]["epochs"] == trial["epochs"]
        assert found["result"]["best_loss"] == last[report["best"]]
        assert not list((folder / "search").rglob("model.safetensors"))


@pytest.mark.slow
def test_the_report_shows_every_trial(finished):
    page = (finished.folder / "report.html").read_text("utf-8")
    markdown = (finished.folder / "report.md").read_text("utf-8")
    assert '<section id="search">' in page and '<a href="#search">' in page
    assert "## Search of settings" in markdown and "## 参数搜索" in markdown
    trials, report = settings(finished.folder, "A")
    for _, rate, _, _ in trials:
        assert f"{rate:.4g}" in page and markdown.count(f"{rate:.4g}".replace("-", "\\-")) + (
            markdown.count(f"{rate:.4g}")
        )
    assert page.count("✓ chosen") == 2 and markdown.count("✓ 选用") == 2
    scores = [score for trial in report["trials"] for score in trial["scores"]]
    assert len(scores) == 6 and all(f"{score:.4f}" in page for score in scores)


@pytest.mark.slow
def test_a_repeated_search_runs_nothing_and_a_plain_run_gives_the_same_bits(
    spec, finished, tmp_path
):
    again = compare(spec, finished.folder)
    assert {"search-A", "search-B", "adapt-A", "adapt-B"} <= set(again.reused)
    trials, report = settings(finished.folder, "A")
    _, rate, _, epochs = trials[report["best"] - 1]
    plain = compare(
        spec,
        tmp_path / "plain",
        overrides=["search=null", f"adapt.learning_rate={rate}", f"adapt.epochs={epochs}"],
    )
    name = "contenders/A/run/model/model.safetensors"
    assert (plain.folder / name).read_bytes() == (finished.folder / name).read_bytes()
    assert '<section id="search">' not in (plain.folder / "report.html").read_text("utf-8")


@pytest.mark.slow
def test_a_killed_search_ends_with_the_same_choice_and_verdict(spec, finished, tmp_path):
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "leitai", "compare", str(spec), "--out", str(folder)]
    chance = random.Random(20_261_125)
    for side in "AB":
        trial = f"contenders/{side}/search/trial-{chance.randint(1, 4):02d}/rung-0/metrics.jsonl"
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 600
        while not (folder / trial).exists() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(chance.random() * 0.2)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = ["verdict.json"]
    for side in "AB":
        names += [f"contenders/{side}/{n}" for n in ("search.json", "run/model/model.safetensors")]
    for name in names:
        assert (folder / name).read_bytes() == (finished.folder / name).read_bytes(), name


def test_a_search_without_training_or_rank_is_refused(spec, tmp_path):
    with pytest.raises(LeitaiError, match="the method full has no rank"):
        compare(spec, tmp_path / "a", overrides=["search.rank=[4]"])


def test_diverged_trials_are_named_in_the_report():
    trials = [
        {"number": 1, "rank": 4, "scores": [None], "steps": [0]},
        {"number": 2, "rank": 8, "scores": [0.5], "steps": [9]},
    ]
    side = {"metric": "chrf", "higher_is_better": True, "best": 2, "trials": trials}
    data = example(20)
    assert '<section id="search">' not in render_page(data)
    both = {key: Search.model_validate(side) for key in "AB"}
    searched = ReportData.model_validate({**data.model_dump(), "search": both})
    page, markdown = render_page(searched), render_markdown(searched)
    for text in (page, markdown):
        assert "diverged" in text and "发散" in text and "50.0%" in text and "chrF" in text


def test_a_forecast_counts_every_trial():
    search = SearchSpec(trials=9, learning_rate=(1e-4, 1e-2), rungs=3, eta=3)
    assert steps_in_all(AdaptSpec(epochs=9), search, 1, 10) == 9 * 10 + 3 * 30 + 90
    once = SearchSpec(trials=4, epochs=(2,))
    assert steps_in_all(AdaptSpec(), once, 1, 10) == 4 * 20
