"""Ctrl-C while a run trains: one line that says how to go on, and the exit code of the signal."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SPEC = """name: long
model: {model}
data: [{{path: rows.jsonl}}]
adapt: {{method: {{name: full}}, epochs: 10000, batch_rows: 2}}
"""
ROW = '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}\n'


@pytest.mark.parametrize(
    ("number", "ranks"),
    [
        (signal.SIGINT, 1),
        (signal.SIGTERM, 1),
        pytest.param(signal.SIGINT, 2, marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_run_says_how_to_go_on(model, tmp_path, number, ranks):
    (tmp_path / "spec.yaml").write_text(SPEC.format(model=model))
    (tmp_path / "rows.jsonl").write_text(ROW * 8)
    run, source = tmp_path / "run", Path(__file__).parents[2] / "src"
    command = ["train", tmp_path / "spec.yaml", "--out", run, "--ranks", ranks]
    process = subprocess.Popen(
        [sys.executable, "-m", "leitai", *map(str, command)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(source)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a signal to the terminal reaches all processes of a job
    )
    metrics, deadline = run / "metrics.jsonl", time.monotonic() + 120
    while not (metrics.exists() and metrics.stat().st_size):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=120)
    told = [line for line in errors.decode().splitlines() if line.startswith("leitai: ")]
    assert process.returncode == 128 + number, errors.decode()
    assert len(told) == 1 and "stopped after step" in told[0] and "--resume" in told[0]
    assert "Traceback" not in errors.decode()
    assert list(run.glob("checkpoints/step-*"))
