"""Trackers are told what the run's own files say, and cannot harm the run."""

import json
import logging
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitai.adapters import Full
from leitai.base import LeitaiError
from leitai.evaluation.validation import METRICS, write
from leitai.training import AdaptSpec, train
from leitai.training.spec import ValidationSpec
from leitai.training.tracking import Tracking, opening
from leitai.training.tracking.secrets import HIDDEN, without_secrets

SPEC = AdaptSpec(
    method=Full(), epochs=2, batch_rows=8, learning_rate=0.01, evaluate_every=3, patience=None
)
TAGS = {
    "train/loss",
    "train/learning_rate",
    "train/gradient_norm",
    "train/epoch",
    "valid/loss",
    "valid/bits_per_byte",
    "speed/tokens_per_second",
    "memory/peak_bytes",
}


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    for name in ("WANDB_API_KEY", "SWANLAB_API_KEY", "MLFLOW_TRACKING_URI", "SWANLAB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")


def lines(run, name="metrics.jsonl"):
    return [json.loads(line) for line in (run / name).read_text("utf-8").splitlines()]


def adapt(qwen, rows, run, track, **more):
    return train(qwen, rows(40), rows(6, 60), SPEC, run, seed=3, track=track, **more)


def interrupted_then_resumed(qwen, rows, run, track):
    """A run that fails after step 6 with a checkpoint of step 4, and its second part."""

    def fails(trainee):
        fails.calls += 1
        if fails.calls == 2:
            raise LeitaiError("power cut")
        return 0.0

    fails.calls = 0
    spec = SPEC.model_copy(update={"validation": ValidationSpec(metric="exact_match")})
    more = {"seed": 3, "checkpoint_every": 4, "track": track, "write": write, "samples": 2}
    with pytest.raises(LeitaiError, match="power cut"):
        train(qwen, rows(40), rows(6, 60), spec, run, metrics={"exact_match": fails}, **more)
    same = {"exact_match": lambda trainee: 0.0}
    return train(qwen, rows(40), rows(6, 60), spec, run, metrics=same, **more)


def need(package):
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")


def tensorboard_curves(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(run / "tensorboard"), {"scalars": 0, "tensors": 0}).Reload()


def test_tensorboard_reads_back_what_the_metrics_say(qwen, rows, tmp_path):
    need("tensorboard")
    adapt(qwen, rows, tmp_path / "run", None)  # the default where it is installed
    events = tensorboard_curves(tmp_path / "run")
    assert set(events.Tags()["scalars"]) == TAGS
    for tag, key in (("train/loss", "loss"), ("train/gradient_norm", "gradient_norm")):
        expected = [(line["step"], line[key]) for line in lines(tmp_path / "run") if key in line]
        found = [(event.step, event.value) for event in events.Scalars(tag)]
        assert found == [(step, pytest.approx(value, rel=1e-6)) for step, value in expected]
    assert [event.step for event in events.Scalars("valid/loss")] == [3, 6, 9, 10]


def test_a_resumed_run_has_each_step_once_in_tensorboard(qwen, rows, tmp_path):
    need("tensorboard")
    run = tmp_path / "run"
    interrupted_then_resumed(qwen, rows, run, ("tensorboard",))
    assert len(list((run / "tensorboard").iterdir())) == 2
    events = tensorboard_curves(run)
    assert [event.step for event in events.Scalars("train/loss")] == list(range(1, 11))
    texts = events.Tensors("samples")
    assert (
        [event.step for event in texts]
        == [3, 6, 9, 10]
        == [line["step"] for line in lines(run, "samples.jsonl")]
    )
    assert b"expected" in texts[0].tensor_proto.string_val[0]
    train(qwen, rows(40), [], SPEC, run, resume=False, track=("tensorboard",))
    assert len(list((run / "tensorboard").iterdir())) == 1


def test_wandb_offline_writes_into_the_run_folder_and_resumes_its_id(qwen, rows, tmp_path):
    need("wandb")
    run = tmp_path / "run"
    interrupted_then_resumed(qwen, rows, run, ("wandb",))
    known = json.loads((run / "tracking.json").read_text())["wandb"]
    files = list((run / "wandb").rglob("*.wandb"))
    assert len(files) == 2 and {file.stem for file in files} == {f"run-{known}"}
    assert b"gradient_norm" in b"".join(file.read_bytes() for file in files)


def test_mlflow_files_hold_the_curves_of_both_parts(qwen, rows, tmp_path, monkeypatch):
    need("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.tracking import MlflowClient

    run = tmp_path / "run"
    interrupted_then_resumed(qwen, rows, run, ("mlflow",))
    client = MlflowClient(tracking_uri=(run / "mlruns").as_uri())
    known = json.loads((run / "tracking.json").read_text())["mlflow"]
    found = client.get_run(known)
    assert found.info.status == "FINISHED"
    assert found.data.params["adapt.learning_rate"] == "0.01"
    points = {m.step: m.value for m in client.get_metric_history(known, "train/loss")}
    expected = {line["step"]: line["loss"] for line in lines(run) if "loss" in line}
    assert points == pytest.approx(expected)
    assert client.list_artifacts(known, "samples")


def test_swanlab_offline_writes_into_the_run_folder(qwen, rows, tmp_path):
    need("swanlab")
    run = tmp_path / "run"
    interrupted_then_resumed(qwen, rows, run, ("swanlab",))
    folders = list((run / "swanlog").glob("run-*"))
    assert len(folders) == 2  # offline, each part is a run of its own
    assert all(any(path.is_file() for path in folder.rglob("*")) for folder in folders)


class Broken:
    run_id = "x"

    def __init__(self):
        self.calls = 0

    def scalars(self, step, values):
        self.calls += 1
        if step >= 2:
            raise OSError("no route to host, token=hf_abcdefghijklmnopqrst")

    text = close = scalars


def test_a_tracker_that_fails_is_left_out_and_training_goes_on(
    qwen, rows, tmp_path, monkeypatch, caplog
):
    broken = Broken()
    monkeypatch.setattr(
        "leitai.training.trainer.open_tracking", lambda *_: Tracking({"wandb": broken})
    )
    with caplog.at_level(logging.WARNING, "leitai.training"):
        result = adapt(qwen, rows, tmp_path / "run", ("wandb",))
    assert result.steps == 10 and broken.calls == 2
    warned = [record.getMessage() for record in caplog.records if "wandb" in record.getMessage()]
    assert len(warned) == 1 and "no route to host" in warned[0] and "hf_abc" not in warned[0]


def test_one_that_cannot_be_opened_is_left_out(qwen, rows, tmp_path, monkeypatch, caplog):
    def fails(name):
        raise RuntimeError("its service is down")

    monkeypatch.setattr(opening, "find_spec", lambda name: object())
    monkeypatch.setattr(opening.importlib, "import_module", fails)
    with caplog.at_level(logging.WARNING, "leitai.training"):
        tracking = opening.open_tracking(("swanlab",), "x", tmp_path, 0, {})
    assert tracking.trackers == {} and "its service is down" in caplog.text


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow", "swanlab"])
def test_a_missing_package_is_told_with_its_command(qwen, rows, tmp_path, monkeypatch, name):
    monkeypatch.setattr(opening, "find_spec", lambda module: None)
    with pytest.raises(LeitaiError, match=f"{name} is not installed; run pip install") as caught:
        adapt(qwen, rows, tmp_path / "run", (name,))
    assert "\n" not in str(caught.value)
    assert adapt(qwen, rows, tmp_path / "run", None).steps == 10
    assert not (tmp_path / "run/tensorboard").exists()


def test_trackers_change_no_bit_of_the_weights(qwen, rows, tmp_path):
    found = [n for n in ("tensorboard", "wandb", "mlflow", "swanlab") if find_spec(n)]
    adapt(qwen, rows, tmp_path / "with", tuple(found))
    adapt(qwen, rows, tmp_path / "without", ())
    for name in ("model/model.safetensors", "metrics.jsonl"):
        assert (tmp_path / "with" / name).read_bytes() == (tmp_path / "without" / name).read_bytes()


def test_secrets_are_hidden_by_name_and_by_look():
    settings = {
        "adapt": {"batch_tokens": 8192, "name": "lora"},
        "api_key": "abc",
        "hub": {"token": "abc", "address": "https://me:secret@host/x"},
        "note": "use hf_abcdefghijklmnopqrstuv please",
    }
    shown = without_secrets(settings)
    assert shown["adapt"] == settings["adapt"]
    assert shown["api_key"] == shown["hub"]["token"] == HIDDEN
    assert shown["hub"]["address"] == f"https://{HIDDEN}@host/x"
    assert shown["note"] == f"use {HIDDEN} please"


@given(st.recursive(st.integers() | st.booleans() | st.none(), st.lists, max_leaves=9))
def test_what_is_no_text_stays(value):
    assert without_secrets(value) == value


def test_metrics_names_are_those_of_the_spec():
    choices = ValidationSpec.model_fields["metric"].annotation.__args__
    assert {"loss", *METRICS} == set(choices)
