"""The main job end to end, small: real training, real scoring, real report."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leitai.base import LeitaiError
from leitai.base.files import read_json
from leitai.comparison.duel import compare

SPEC = """
name: small
seed: 3
contenders:
  - {name: Q, model: "scratch:qwen3-nano"}
  - {name: L, model: "scratch:llama3-nano"}
scratch: {vocab_size: 700}
train_on:
  - {set: bookshop, view: intents, per_label: 2}
adapt: {method: {name: full}, epochs: 2, learning_rate: 0.003}
tasks:
  - {name: intents, kind: classification, data: {set: bookshop, view: intents}, max_items: 24}
  - {name: replies, kind: bits_per_byte, data: {set: bookshop, view: replies}, max_items: 24}
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    path = tmp_path_factory.mktemp("spec") / "small.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture(scope="module")
def finished(spec, tmp_path_factory):
    """A finished duel: folder and result."""
    folder = tmp_path_factory.mktemp("duel") / "run"
    return compare(spec, folder)


def test_the_run_folder_holds_what_the_contract_says(finished):
    for name in ("verdict.json", "report.html", "report.md", "manifest.json", "cost.json"):
        assert (finished.folder / name).stat().st_size > 0
    verdict = json.loads((finished.folder / "verdict.json").read_text("utf-8"))
    assert [task["task"] for task in verdict["tasks"]] == ["intents", "replies"]
    part = verdict["tasks"][0]["slices"][0]
    assert part["slice"] == "all" and part["n"] == 24
    difference = part["pairs"]["A-B"]["difference"]
    assert {"value", "low", "high"} <= part["scores"]["A"].keys() & difference.keys()
    assert set(verdict["overall"]["reason"]) == {"en", "zh"}


def test_every_number_traces_to_rows(finished):
    part = finished.verdict["tasks"][0]["slices"][0]
    for side in "AB":
        lines = (finished.folder / f"scores/intents/{side}.jsonl").read_text("utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        assert sum(row["correct"] for row in rows) / len(rows) == pytest.approx(
            part["scores"][side]["value"], rel=1e-5
        )
        assert all(row["answer"] for row in rows)


def test_both_sides_answered_the_same_items_in_the_same_order(finished):
    for task in ("intents", "replies"):
        files = [finished.folder / f"scores/{task}/{side}.jsonl" for side in "AB"]
        ids = [[json.loads(r)["id"] for r in f.read_text("utf-8").splitlines()] for f in files]
        assert ids[0] == ids[1]


def test_a_repeated_duel_runs_nothing_again_and_says_the_same(spec, finished):
    before = (finished.folder / "verdict.json").read_bytes()
    again = compare(spec, finished.folder)
    assert len(again.reused) == 2 * (1 + 1 + 2)  # made, adapted, scored twice: for either side
    assert (finished.folder / "verdict.json").read_bytes() == before


def test_a_killed_duel_ends_with_the_same_verdict(spec, finished, tmp_path):
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "leitai", "compare", str(spec), "--out", str(folder)]
    for wanted in ("contenders/A/run/metrics.jsonl", "contenders/B/run/metrics.jsonl"):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while not (folder / wanted).exists() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().splitlines()[-1].startswith("Report: ")
    assert (folder / "verdict.json").read_bytes() == (finished.folder / "verdict.json").read_bytes()


def test_a_changed_seed_is_another_duel(spec, finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished.folder, folder)
    changed = compare(spec, folder, overrides=["seed=4", "adapt.epochs=1"])
    assert changed.reused == ()


def test_trained_models_duel_as_folders_and_with_lora(finished, tmp_path):
    """What a duel leaves are ordinary checkpoints: they can fight again, with adapters."""
    models = [finished.folder / "contenders" / side / "run" / "model" for side in "AB"]
    text = f"""
name: again
seeds: [5]
arms: [{{name: plain}}, {{name: told, system: Be brief.}}]
contenders:
  - {{name: Q, model: "{models[0]}"}}
  - {{name: L, model: "{models[1]}"}}
  - {{name: as it was, transformers: "{models[0]}"}}
train_on: [{{set: bookshop, view: intents, per_label: 1}}]
adapt: {{method: {{name: lora, rank: 2}}, epochs: 1}}
tasks:
  - {{name: said, kind: exact_match, data: {{set: bookshop, view: intents}}, max_items: 4,
      max_characters: 12}}
  - name: written
    kind: classification
    grade: generation
    data: {{set: bookshop, view: intents}}
    max_items: 4
"""
    path = tmp_path / "again.yaml"
    path.write_text(text)
    duel = compare(path, tmp_path / "run")
    assert (duel.folder / "contenders/A/run/adapter/adapter_config.json").exists()
    assert [task["metric"] for task in duel.verdict["tasks"]] == ["exact_match", "accuracy"]
    assert duel.verdict["contenders"]["C"]["kind"] == "transformers"
    assert not (duel.folder / "contenders/C/run").exists()
    audited = {one["check"]: one["values"] for one in read_json(duel.folder / "audit.json")}
    for check in ("bos", "stop", "system", "context", "labels:written", "density:zh"):
        # The same checkpoint, read by transformers' tokenizer and template and by ours.
        assert audited[check][2] == audited[check][0] not in ("", "—"), check
    assert audited["tokens"][2] == audited["trainable"][2] == "—"
    assert "unseen" not in audited
    assert (duel.folder / "scores/said/C.jsonl").exists()
    assert [one["seed"] for one in duel.verdict["seeds"]] == [1, 5]
    assert (duel.folder / "contenders/B/seed-5/run/adapter").is_dir()
    assert (duel.folder / "scores/said/arms/told/seeds/seed-5/B.jsonl").exists()
    found = duel.verdict["components"]
    assert (found["seeds"], found["templates"]) == (2, 2)
    assert "seed x template" in found["pairs"]["A-B"]["variances"]


@pytest.mark.parametrize("kind", ["model", "transformers"])
def test_a_second_beginning_of_sequence_is_refused_as_unfair(finished, tmp_path, kind):
    model = tmp_path / "llama"
    shutil.copytree(finished.folder / "contenders/B/run/model", model)
    template = model / "chat_template.jinja"
    template.write_text("{{ bos_token }}" + template.read_text("utf-8"), "utf-8")
    path = tmp_path / "unfair.yaml"
    path.write_text(
        f"""
name: unfair
contenders:
  - {{name: Q, model: "{finished.folder}/contenders/A/run/model"}}
  - {{name: L, {kind}: "{model}"}}
tasks:
  - {{name: intents, kind: classification, data: {{set: bookshop}}, max_items: 4}}
"""
    )
    with pytest.raises(LeitaiError, match=r"beginning-of-sequence.*A: 0; B: 2"):
        compare(path, tmp_path / "run")


def test_unequal_default_system_prompts_must_be_chosen(finished, tmp_path):
    model = tmp_path / "qwen"
    shutil.copytree(finished.folder / "contenders/A/run/model", model)
    template = model / "chat_template.jinja"
    default = (
        "{%- if messages[0].role != 'system' %}"
        "{{- '<|im_start|>system\\nYou are Qwen.<|im_end|>\\n' }}{%- endif %}"
    )
    template.write_text(default + template.read_text("utf-8"), "utf-8")
    path = tmp_path / "system.yaml"
    path.write_text(
        f"""
name: system
contenders:
  - {{name: Q, model: "{model}"}}
  - {{name: L, model: "{finished.folder}/contenders/B/run/model"}}
tasks:
  - {{name: intents, kind: classification, data: {{set: bookshop}}, max_items: 4}}
"""
    )
    with pytest.raises(LeitaiError, match="You are Qwen"):
        compare(path, tmp_path / "run")
    duel = compare(path, tmp_path / "run", overrides=["prompting.system=native"])
    audit = json.loads((duel.folder / "audit.json").read_text("utf-8"))
    assert [f["status"] for f in audit if f["check"] == "system"] == ["warning"]
    neutral = compare(path, tmp_path / "run", overrides=["prompting.system=Be brief."])
    audit = json.loads((neutral.folder / "audit.json").read_text("utf-8"))
    assert [f["status"] for f in audit if f["check"] == "system"] == ["ok"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tasks.0.kindd=classification", "kindd"),
        ("adapt.epoch=2", "did you mean.*epochs|epochs"),
        ("contenders.0.model=scratch:qwen3-nanno", "qwen3-nano"),
        ("verdict.primary=nothing", "none of the tasks"),
        ("scratch.vocab_size=12", "300"),
        ("tasks.0.max_items=0", "max_items"),
    ],
)
def test_mistakes_in_a_spec_are_told_in_one_line(spec, tmp_path, override, message):
    with pytest.raises(LeitaiError, match=message) as caught:
        compare(spec, tmp_path / "run", overrides=[override])
    assert "\n" not in str(caught.value)


def test_a_folder_in_use_is_refused(spec, tmp_path):
    from leitai.base.locks import run_lock

    folder = Path(tmp_path / "run")
    with run_lock(folder), pytest.raises(LeitaiError, match="in use"):
        # the lock is another file handle of this process, which is as foreign as another process
        compare(spec, folder)
