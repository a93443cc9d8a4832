"""Checkpoints and metrics on disk: whole, pruned, passed over when damaged."""

import json
import resource
import signal

import pytest
import torch

from leitai.base import LeitaiError
from leitai.training.checkpoint import CheckpointStore
from leitai.training.metrics import MetricsLog


@pytest.fixture
def store(tmp_path):
    return CheckpointStore(tmp_path / "checkpoints")


def save(store, step, best=None):
    weights = {"a": torch.full((3,), float(step)), "b.c": torch.arange(4.0).view(2, 2)}
    moments = {"a::step": torch.tensor(float(step)), "a::exp_avg": torch.ones(3)}
    store.save(step, {"best_step": best, "note": "订单"}, weights, moments, {})


def test_what_is_saved_comes_back(store):
    save(store, 7)
    found = store.load_newest()
    assert (found.step, found.state) == (7, {"best_step": None, "note": "订单"})
    assert torch.equal(found.tensors["weights"]["a"], torch.full((3,), 7.0))
    assert found.tensors["optimizer"]["a::step"].shape == ()
    assert store.notes == []


def test_nothing_is_found_where_nothing_is(store):
    assert store.load_newest() is None
    store.tidy()
    store.clear()


def test_two_checkpoints_and_their_best_weights_are_kept(store):
    for step in (10, 20, 30):
        store.save_best(step, {"a": torch.full((1,), float(step))})
        save(store, step, best=step)
    store.save_best(35, {"a": torch.ones(1)})
    save(store, 40, best=35)
    assert store.steps() == [40, 30]
    assert store.steps("best") == [35, 30]
    assert store.load_best(30)["a"].item() == 30


def test_a_best_newer_than_the_checkpoint_does_not_take_the_older_one(store):
    store.save_best(5, {"a": torch.ones(1)})
    save(store, 10, best=5)
    store.save_best(15, {"a": torch.ones(1)})
    assert store.steps("best") == [15, 5]


DAMAGES = {
    "cut": lambda folder: (folder / "weights.safetensors").write_bytes(
        (folder / "weights.safetensors").read_bytes()[:-5]
    ),
    "bit": lambda folder: flip(folder / "optimizer.safetensors"),
    "gone": lambda folder: (folder / "optimizer.safetensors").unlink(),
    "json": lambda folder: (folder / "state.json").write_text('{"format": 1'),
    "keys": lambda folder: (folder / "state.json").write_text("{}"),
    "list": lambda folder: (folder / "state.json").write_text("[]"),
    "nobest": lambda folder: edit(folder / "state.json"),
    "state": lambda folder: (folder / "state.json").unlink(),
}


def flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def edit(path):
    content = json.loads(path.read_text())
    content["state"]["best_step"] = 19
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_a_damaged_checkpoint_is_passed_over_aloud(store, damage):
    save(store, 10)
    save(store, 20)
    DAMAGES[damage](store.folder / "step-00000020")
    assert store.load_newest().step == 10
    assert len(store.notes) == 1
    assert "step-00000020" in store.notes[0] or "best-00000019" in store.notes[0]
    assert store.notes[0].endswith("resumed from step 10 instead")
    assert store.steps() == [10]


def test_without_a_whole_checkpoint_the_start_is_named(store):
    save(store, 10)
    (store.folder / "step-00000010" / "state.json").write_text("?")
    assert store.load_newest() is None
    assert store.notes[0].endswith("resumed from the start instead")


def test_left_overs_of_a_kill_are_removed(store):
    save(store, 10)
    (store.folder / ".step-00000020.abc.part").mkdir()
    (store.folder / ".step-00000020.abc.part" / "weights.safetensors").write_bytes(b"half")
    store.tidy()
    assert [path.name for path in store.folder.iterdir()] == ["step-00000010"]


def test_the_log_is_cut_back_to_the_checkpoint(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with MetricsLog(path, 0) as log:
        for step in range(1, 6):
            log.write({"step": step, "loss": 0.5})
    with path.open("a") as file:
        file.write('{"step": 2, "lo')
    with MetricsLog(path, 3) as log:
        log.write({"step": 4, "loss": 0.25})
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert lines[-1]["loss"] == 0.25
    with MetricsLog(path, 0):
        assert path.read_text() == ""


def test_a_full_disk_is_named(tmp_path):
    log = MetricsLog(tmp_path / "metrics.jsonl", 0)
    log._file.close()
    full = open("/dev/full", "w")  # noqa: SIM115, PTH123
    log._file = full
    with pytest.raises(LeitaiError, match="cannot write"):
        log.write({"step": 1})


def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(store):
    save(store, 10)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, before[1]))
    try:
        with pytest.raises(LeitaiError, match="cannot write"):
            save(store, 20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert [path.name for path in store.folder.glob("step-*")] == ["step-00000010"]
    assert store.load_newest().step == 10
