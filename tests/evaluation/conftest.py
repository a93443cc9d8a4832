import os
import socket
import subprocess
import sys
import time

import httpx2
import pytest

from leitai.data.bookshop import rows
from leitai.evaluation.asking import reference_of
from leitai.training.scratch import create_scratch

_START = 180  # seconds; 7 on an idle machine


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A Qwen3 checkpoint of a few thousand weights, random."""
    folder = tmp_path_factory.mktemp("tiny") / "qwen3"
    texts = [reference_of(row) for row in rows("replies")[:200]]
    create_scratch("qwen3-nano", texts, folder, vocab_size=400, seed=3)
    return folder


@pytest.fixture(scope="session")
def served(tiny, tmp_path_factory):
    """The address of `transformers serve` with the tiny checkpoint: a server that is not ours."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("hf")
    (home / "hub").mkdir()
    log = home / "serve.log"
    command = "from transformers.cli.transformers import main; main()"
    arguments = ["serve", str(tiny), "--port", str(port), "--host", "127.0.0.1"]
    environment = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", command, *arguments, "--device", "cpu", "--dtype", "float32"],
            stdout=output,
            stderr=output,
            env=environment,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + _START
        while not _healthy(address):
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text("utf-8", "replace")[-500:]
                pytest.skip(f"transformers serve does not start here: {said}")
            time.sleep(0.2)
        yield address
    finally:
        process.kill()
        process.wait()


def _healthy(address):
    try:
        return httpx2.get(f"{address}/health", timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False
