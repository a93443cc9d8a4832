"""A finished duel against its forecast."""

from dataclasses import replace

import pytest
from machines import round_machine

from leitai.base.files import write_json
from leitai.comparison.forecast import Forecast, Part
from leitai.comparison.hindsight import hindsight
from leitai.comparison.spec import CompareSpec
from leitai.models import preset
from leitai.planning import ScoreTask, TrainTask, make_plan

CONFIG = preset("Qwen2.5-0.5B")
MACHINE = round_machine()
TRAINED = make_plan(CONFIG, TrainTask(64, 100, 20, epochs=2), MACHINE)
ASKED = make_plan(CONFIG, ScoreTask(400, 30, 4), MACHINE)


def spec_of(*names):
    return CompareSpec.model_validate(
        {
            "name": "x",
            "contenders": [{"name": name, "model": "Qwen/Qwen2.5-0.5B"} for name in names],
            "tasks": [{"name": "intents", "kind": "classification", "data": {"set": "bookshop"}}],
        }
    )


def forecast_of(**changes):
    asking = replace(Part(ASKED, items=400, asks="intents"), **changes)
    parts = {
        "one: adapt": Part(TRAINED),
        "one: intents": asking,
        "one: intents, arm x": Part(ASKED),
    }
    return Forecast(parts, {})


def write_costs(folder, items=400):
    place = folder / "contenders" / "A"
    cost = {"seconds": TRAINED.seconds * 0.75, "peak_bytes": TRAINED.peak_bytes}
    write_json(place / "run" / "cost.json", cost)
    write_json(place / "run" / "result.json", {"result": {"steps": TRAINED.steps // 2}})
    asked = {"seconds": ASKED.seconds * 2, "items": items, "peak_bytes": ASKED.peak_bytes // 2}
    write_json(place / "cost" / "score-intents-A.json", asked)


def test_training_that_ended_early_and_asking(tmp_path):
    write_costs(tmp_path)
    found = dict(hindsight(forecast_of(), spec_of("one", "two"), tmp_path))
    assert list(found) == ["one, adapting", "one, asking"]  # of the second there is nothing
    assert found["one, adapting"].time_error == pytest.approx(0.5)
    assert found["one, asking"].time_error == pytest.approx(1.0)
    assert found["one, asking"].planned_bytes == max(TRAINED.peak_bytes, ASKED.peak_bytes)
    assert found["one, asking"].peak_bytes == ASKED.peak_bytes // 2


def test_asking_that_stopped_early_is_held_against_what_was_asked(tmp_path):
    write_costs(tmp_path, items=100)
    found = dict(hindsight(forecast_of(least=ASKED), spec_of("one", "two"), tmp_path))
    assert found["one, asking"].time_error == pytest.approx(7.0)
