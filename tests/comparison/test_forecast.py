"""What is forecast of a duel is what the duel then does: the same items, as often."""

import sys
from pathlib import Path

import pytest
from scripted import script, write_spec

from leitai.base.files import read_json
from leitai.comparison.duel import compare
from leitai.comparison.forecast import forecast
from leitai.data import read_jsonl

sys.path.insert(0, str(Path(__file__).parent.parent / "planning"))
from machines import round_machine

SPEC = """name: counted
contenders:
  - {name: Q, model: "scratch:qwen3-nano"}
  - {name: L, model: "scratch:llama3-nano"}
  - {reference: majority}
scratch: {vocab_size: 600}
train_on: [{set: bookshop, view: intents, per_label: 4}]
adapt: {method: {name: full}, epochs: 2, batch_rows: 16, learning_rate: 0.003}
tasks:
  - {name: intents, kind: classification, data: {set: bookshop, view: intents}, max_items: 40}
  - {name: list, kind: listed_recommendation, orders: 3, max_items: 6,
     data: {set: bookshop, view: recommendation_listed}}
arms: [{name: plain}, {name: short, system: "Be brief."}, {name: bare, system: native}]
seeds: [2, 3]
"""


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC)
    return path


def test_arms_seeds_and_orders_are_counted_as_the_duel_runs_them(spec, tmp_path):
    run = tmp_path / "run"
    compare(spec, run)
    found = forecast(spec, round_machine())
    for key, name in (("A", "Q"), ("B", "L")):
        parts = {what: part for what, part in found.parts.items() if what.startswith(f"{name}: ")}
        folder = run / "contenders" / key
        costs = [read_json(path) for path in folder.rglob("cost/score-*.json")]
        # Each item of the list is shown in three orders; the duel counts it once.
        asked = sum(cost["items"] for cost in costs) + 2 * 6
        assert sum(part.times * part.items for part in parts.values()) == asked == 9 * 40 + 3 * 6
        results = [
            [line for _, line in read_jsonl(path)][-1] for path in folder.rglob("run/metrics.jsonl")
        ]
        adapt = parts[f"{name}: adapt"]
        assert adapt.times == len(results) == 3
        for result in results:
            assert result["step"] == adapt.plan.steps
            # the plan counts an epoch's last step as a full one
            assert result["tokens"] == pytest.approx(adapt.plan.tokens, rel=0.1)
    assert found.seconds[0] == found.seconds[1]
    alone = forecast(spec, round_machine(), overrides=["seeds=[]", "arms=[]"])
    assert found.seconds[1] > 2.9 * alone.seconds[1] > 0


def test_a_search_is_made_once_and_its_settings_are_trained_with_every_other_seed(spec):
    search = "search={trials: 3, learning_rate: [0.001, 0.01]}"
    found = forecast(spec, round_machine(), overrides=[search])
    once, again = found.parts["Q: search"], found.parts["Q: adapt"]
    assert (once.times, again.times) == (1, 2)
    assert once.plan.steps == 3 * again.plan.steps


def test_asking_that_may_stop_is_a_range(spec):
    found = forecast(
        spec,
        round_machine(),
        overrides=["verdict={stopping: safe, look_from: 10}", "tasks.0.max_items=400"],
    )
    low, high = found.seconds
    assert low < high
    part = found.parts["Q: intents, arm short"]
    assert (part.items, part.times) == (400, 3)
    assert part.least.tokens == pytest.approx(part.plan.tokens / 40)
    assert found.parts["Q: adapt"].least is None


def test_a_server_is_asked_as_much_as_the_forecast_says(tmp_path, monkeypatch):
    extra = 'arms: [{name: plain}, {name: helped, system: "25"}]\nprobe: 5'
    path = write_spec(tmp_path, [60, 50], extra, items=80)
    opened = script(monkeypatch)
    found = forecast(
        path,
        round_machine(),
        overrides=[
            "contenders.0.endpoint.price={input: 2.0, output: 6.0, currency: CNY}",
            "contenders.0.endpoint.requests_per_minute=30",
        ],
    )
    assert found.parts == {}
    compare(path, tmp_path / "run")
    one = found.calls["R60"]
    sent = sum(len(end.asked) for end in opened if end.model == "r-60")
    assert one.requests == (sent, sent) and sent > 100
    assert one.seconds == (2.0 * sent, 2.0 * sent)
    assert one.currency == "CNY"
    spent = (2 * one.prompt_tokens[1] + 6 * one.written_tokens[1]) / 1e6
    assert one.cost == (pytest.approx(spent), pytest.approx(spent))
    assert found.calls["R50"].cost is None


def test_a_probe_is_asked_twice_of_all_but_models_that_know_nothing(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC.replace("scratch:qwen3-nano", "Qwen2.5-0.5B") + "probe: 4\n")
    found = forecast(path, round_machine())
    probes = {what: part for what, part in found.parts.items() if "probe of" in what}
    assert {what.split(":")[0] for what in probes} == {"Q"}
    assert probes["Q: probe of list"].items == 8
    assert probes["Q: probe of list"].times == 1
    # 200 characters of English are some fifty tokens.
    assert 30 < probes["Q: probe of list"].plan.tokens / 8 < 160
