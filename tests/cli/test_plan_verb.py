"""`leitai plan`: tables, JSON, specs, and errors in one line."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "planning"))
from machines import round_machine

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture(autouse=True)
def measured(monkeypatch):
    import leitai.planning

    monkeypatch.setattr(leitai.planning, "measured_machine", lambda *_, **__: round_machine())
    monkeypatch.setattr(leitai.planning, "cached_machine", lambda *_, **__: round_machine())


def test_a_task_by_numbers(leitai):
    words = ("plan", "-m", "Qwen/Qwen2.5-7B-Instruct", "--rows", 10000, "--tokens", 120)
    code, said, err = leitai(*words, "--dtype", "bfloat16", "--batch-rows", 8)
    assert code == 0, err
    assert "weights" in said and "matrix products" in said
    assert said.splitlines()[-1].startswith("fits: ")
    code, said, _ = leitai(*words, "--json")
    assert code == 0
    plan = json.loads(said)["Qwen2.5-7B-Instruct"]
    assert plan["parameters"] == 7_615_616_512
    assert not plan["fits"]


@pytest.mark.parametrize(
    "numbers",
    [
        ("score", "--items", 9, "--context", 80, "--choices", 4),
        ("generate", "--requests", 9, "--prompt", 80, "--new-tokens", 40, "--dtype", "int4"),
    ],
)
def test_the_other_tasks(leitai, numbers):
    code, said, err = leitai("plan", "-m", "Llama-3.2-1B", "--task", *numbers)
    assert code == 0, err
    assert said.splitlines()[-1].startswith("fits: ")


@pytest.mark.parametrize("spec", ["train.yaml", "demo.yaml", "search.yaml"])
def test_specs(leitai, spec):
    code, said, err = leitai("plan", EXAMPLES / spec)
    assert code == 0, err
    assert "fits: " in said


def test_a_spec_with_a_name_is_estimated_from_characters(leitai):
    words = ("--set", "model=Qwen/Qwen2.5-0.5B-Instruct", "--set", "adapt.method={name: lora}")
    code, said, err = leitai("plan", EXAMPLES / "train.yaml", *words)
    assert code == 0, err
    assert "494,032,768 parameters" in said


def test_lora_over_four_bits_needs_less_memory(leitai):
    words = ("-m", "Qwen2.5-7B", "--rows", 50, "--tokens", 99, "--json", "--dtype")
    needed = {}
    for dtype in ("bfloat16", "int4", "nf4"):
        code, said, err = leitai("plan", *words, dtype)
        assert code == 0, err
        needed[dtype] = sum(json.loads(said)["Qwen2.5-7B"]["memory"].values())
    assert needed["nf4"] < needed["int4"] < 0.6 * needed["bfloat16"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "expected a SPEC.yaml or --model"),
        (("-m", "Qwen2.5-8B", "--rows", 5, "--tokens", 5), "did you mean"),
        (("-m", "Qwen2.5-7B", "--rows", 5), "--tokens is missing"),
        (
            ("-m", "Qwen2.5-7B", "--rows", 5, "--tokens", 5, "--dtype", "int8", "--method", "full"),
            "cannot train over int8",
        ),
        (("nowhere.yaml",), "nowhere.yaml"),
    ],
)
def test_mistakes_end_in_one_line(leitai, words, message):
    code, _, err = leitai("plan", *words)
    assert code == 2
    assert message in err and err.count("\n") == 1


def test_a_run_is_compared_with_its_plan(leitai, tmp_path):
    spec = tmp_path / "train.yaml"
    spec.write_text(
        "name: t\nmodel: 'scratch:llama3-nano'\nvocab_size: 600\n"
        "data: [{set: bookshop, per_label: 1}]\n"
        "adapt: {method: {name: full}, epochs: 1, learning_rate: 0.003}\n"
    )
    code, said, err = leitai("train", spec, "--out", tmp_path / "run")
    assert code == 0, err
    assert "planned " in said and ", took " in said
