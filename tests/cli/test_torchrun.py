"""The command that docs/scale.md names, run as a user would."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SPEC = """name: together
model: {model}
data: [{{path: rows.jsonl}}]
adapt: {{method: {{name: lora, rank: 4}}, epochs: 2, batch_rows: 4}}
"""


def row(number):
    turns = (("user", f"hi {number}"), ("assistant", str(number)))
    return json.dumps({"messages": [{"role": role, "content": text} for role, text in turns]})


@pytest.mark.slow
def test_torchrun_starts_ranks_that_train_one_adapter(model, tmp_path):
    (tmp_path / "spec.yaml").write_text(SPEC.format(model=model))
    (tmp_path / "rows.jsonl").write_text("\n".join(map(row, range(12))))
    source = Path(__file__).parents[2] / "src"
    found = {}
    for name, start in {
        "one": [sys.executable],
        "two": [*(sys.executable, "-m", "torch.distributed.run"), "--nproc-per-node", "2"],
    }.items():
        done = subprocess.run(
            [*start, "-m", "leitai", "train", "spec.yaml", "--out", name],
            cwd=tmp_path,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(source)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / name / "adapter" / "adapter_model.safetensors").is_file()
        lines = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        found[name] = [json.loads(line)["loss"] for line in lines]
        assert done.stdout.count("adapter") == 1  # one process tells
    assert len(found["one"]) == 6
    assert found["two"] == pytest.approx(found["one"], abs=1e-5)
