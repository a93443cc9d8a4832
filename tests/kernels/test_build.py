"""Compiling at first use: once, safely, and never required."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from leitai.kernels import library

REPORT = """
import torch
from leitai.kernels import rms_norm, status
x = torch.arange(1.0, 9.0).view(2, 4)
print(status())
print(rms_norm(x, torch.ones(4), 1e-6).sum().item())
"""


def report(cache: Path, code: str = REPORT, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "XDG_CACHE_HOME": str(cache), "LEITAI_NATIVE": "1", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def native() -> None:
    if library() is None:
        pytest.skip("no native kernels on this machine")


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"LEITAI_NATIVE": "0"}, "not in use: LEITAI_NATIVE=0"),
        ({"CC": "no-such-compiler"}, "not in use: no C compiler"),
        ({"CC": "false"}, "not in use: compiling failed"),
    ],
)
def test_without_kernels_the_formula_answers(tmp_path, environment, reason):
    first, second = report(tmp_path, **environment)
    assert first.startswith(reason)
    assert float(second) == pytest.approx(7.602, abs=1e-2)
    assert not list(tmp_path.rglob("*.so"))


@pytest.mark.usefixtures("native")
def test_processes_that_start_together_share_one_library(tmp_path):
    command = [sys.executable, "-c", REPORT]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "LEITAI_NATIVE": "1"}
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = {process.communicate(timeout=120)[0] for process in running}
    assert len(answers) == 1 and answers.pop().startswith("in use")
    assert len(list((tmp_path / "leitai" / "kernels").iterdir())) == 1


@pytest.mark.usefixtures("native")
def test_one_openmp_runtime_in_the_process(tmp_path):
    code = (
        "from pathlib import Path\nfrom leitai.kernels import library\nassert library()\n"
        "maps = Path('/proc/self/maps').read_text().splitlines()\n"
        "print(len({line.split()[-1] for line in maps if 'libgomp' in line}))"
    )
    assert report(tmp_path, code) == ["1"]


@pytest.mark.usefixtures("native")
def test_a_folder_that_others_can_write_is_refused(tmp_path):
    folder = tmp_path / "leitai" / "kernels"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    assert "others can write" in report(tmp_path)[0]
