"""Several processes train what one would; any number of them goes on from a checkpoint."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

SCRIPT = Path(__file__).parent / "rank_me.py"
TOLERANCE = 1e-5
needs_muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")


def start(model, run, variant, count, *, script=SCRIPT):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    source = Path(__file__).parents[2] / "src"
    shared = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(source)}
    if count > 1:
        shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
    command = [sys.executable, str(script), str(model), str(run), variant]
    return [
        subprocess.Popen(
            command,
            env=os.environ | shared | ({"RANK": str(i), "LOCAL_RANK": str(i)} if count > 1 else {}),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for i in range(count)
    ]


def finish(processes):
    for process in processes:
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors.decode()


def trained(run):
    return load_file(next(run.glob("*/*.safetensors")))


def lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def check_same(run, other, tolerance=TOLERANCE):
    found, expected = lines(run), lines(other)
    assert [line["step"] for line in found] == [line["step"] for line in expected]
    for line, wanted in zip(found, expected, strict=True):
        assert line.keys() == wanted.keys()
        for key, value in wanted.items():
            if key in ("loss", "valid_loss"):
                assert line[key] == pytest.approx(value, abs=tolerance)
            elif key in ("tokens", "targets", "step", "best"):
                assert line[key] == value
    weights = trained(other)
    for name, tensor in trained(run).items():
        torch.testing.assert_close(tensor, weights[name], atol=10 * tolerance, rtol=0)


@pytest.fixture(scope="module")
def one(qwen, tmp_path_factory):
    """Runs of one process, each made once."""
    made = {}

    def run(variant):
        if variant not in made:
            made[variant] = tmp_path_factory.mktemp("one") / "run"
            finish(start(qwen, made[variant], variant, 1))
        return made[variant]

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "count"),
    [
        *(("full+ema", 3), ("lora", 2), ("freeze+again", 2)),
        *(("prefix", 2), ("bottleneck", 2), ("lora+classification", 2), ("full+masked", 2)),
        *(("full+kto", 2), ("lora+kto", 3), ("full+contrastive", 2), ("lora+contrastive", 3)),
        # with all weights in each process
        *(("adalora+kto", 2), ("adalora+contrastive", 2)),
        *(
            ("adalora", 3),
            ("prompt", 2),
            ("full+accuracy", 2),
            ("lora+samples", 2),
        ),
        pytest.param("full+muon", 2, marks=needs_muon),
    ],
)
def test_several_processes_train_what_one_trains(qwen, one, tmp_path, variant, count):
    run = tmp_path / "run"
    finish(start(qwen, run, variant, count))
    check_same(run, one(variant))
    assert not list(run.glob("checkpoints/*"))


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["full+bf16", "lora+nf4"])
def test_products_in_half_precision_come_close(qwen, one, tmp_path, variant):
    finish(start(qwen, tmp_path / "run", variant, 2))
    check_same(tmp_path / "run", one(variant), tolerance=0.02)


def wait_for_step(run, step, processes):
    path = run / "metrics.jsonl"
    deadline = time.monotonic() + 60
    while not path.exists() or path.read_bytes().count(b'"loss"') < step:
        assert time.monotonic() < deadline
        assert all(process.poll() is None for process in processes)
        time.sleep(0.002)


def ended(processes):
    """Wait for processes that fail; return their exit codes and the lines they tell."""
    codes, told = [], []
    for process in processes:
        _, errors = process.communicate(timeout=60)
        codes.append(process.returncode)
        told += [line for line in errors.decode().splitlines() if line.startswith("leitai: ")]
        assert "Traceback" not in errors.decode()
    return codes, told


@pytest.mark.slow
def test_an_error_on_one_process_ends_all_with_one_line(qwen, tmp_path):
    codes, told = ended(start(qwen, tmp_path / "run", "full+error", 2))
    assert all(code in (1, 2) for code in codes)
    assert told == ["leitai: a row cannot be read"]


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(2, 3), (3, 1), (2, 2)])
def test_a_killed_process_ends_all_and_another_number_goes_on(qwen, one, tmp_path, before, after):
    run = tmp_path / "run"
    processes = start(qwen, run, "full", before)
    wait_for_step(run, 5, processes)
    processes[-1].send_signal(signal.SIGKILL)
    codes, told = ended(processes)
    assert codes[-1] == -signal.SIGKILL
    assert all(code in (1, 2) for code in codes[:-1])
    assert len(told) == 1
    assert "another process of this job has ended" in told[0]
    damaged = before != after
    if damaged:
        newest = max(run.glob("checkpoints/step-*"))
        (newest / f"optimizer-{before:05d}-of-{before:05d}.safetensors").write_bytes(b"?")
    finish(start(qwen, run, "full", after))
    check_same(run, one("full"))
    notes = json.loads((run / "cost.json").read_text())["notes"]
    assert any(f"{newest.name}" in note for note in notes) if damaged else not notes
    if before == after:
        whole = tmp_path / "whole"
        finish(start(qwen, whole, "full", after))
        assert (run / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
        assert all(
            torch.equal(tensor, trained(whole)[name]) for name, tensor in trained(run).items()
        )
