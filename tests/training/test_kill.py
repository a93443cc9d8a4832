"""Gate: kill -9 at any moment, resume, the same bits."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kill_me import VARIANTS

SCRIPT = Path(__file__).parent / "kill_me.py"
STEPS = 36


def start(model, run, variant):
    source = Path(__file__).parents[2] / "src"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(source)}
    command = [sys.executable, str(SCRIPT), str(model), str(run), variant]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)


def finish(process):
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()


def steps_done(run):
    path = run / "metrics.jsonl"
    return path.read_bytes().count(b'"loss"') if path.exists() else 0


def contents(run):
    """Everything the run left but clocks, which TensorBoard's files hold too."""
    return {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file()
        and path.name not in ("cost.json", "clock.jsonl", ".lock")
        and "tensorboard" not in path.parts
    }


@pytest.mark.slow
@pytest.mark.parametrize("variant", list(VARIANTS))
def test_a_killed_run_resumes_to_the_same_bits(qwen, tmp_path, variant):
    whole = tmp_path / "whole"
    finish(start(qwen, whole, variant))
    assert steps_done(whole) == STEPS
    draw = random.Random(20_240_726)
    run = tmp_path / "killed"
    kills = 0
    for target in (1, 13, 26):  # and a random moment after that step, writes included
        process = start(qwen, run, variant)
        while steps_done(run) < target and process.poll() is None:
            time.sleep(0.001)
        time.sleep(draw.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
    assert kills >= 2  # a fast machine may have finished before the last ones
    finish(start(qwen, run, variant))
    assert contents(run) == contents(whole)
    assert "checkpoints" not in {path.name for path in run.iterdir()}
