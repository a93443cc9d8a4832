"""A server that is not ours: llama.cpp's, with models that are ours, says what they say here.

Set LEITAI_LLAMA_SERVER to the program: LEITAI_LLAMA_SERVER=/usr/local/bin/llama-server.
"""

import os
import socket
import subprocess
import time
from contextlib import contextmanager

import httpx2
import pytest

from leitai.base import LeitaiError
from leitai.base.files import read_json
from leitai.comparison.duel import compare
from leitai.evaluation.records import read_records
from leitai.export import export_model, find_source

SERVER = os.environ.get("LEITAI_LLAMA_SERVER", "")
pytestmark = pytest.mark.skipif(
    not SERVER, reason="LEITAI_LLAMA_SERVER does not name a llama-server"
)

LOCAL = """name: taught
contenders:
  - {name: Q, model: "scratch:qwen3-nano"}
  - {name: L, model: "scratch:llama3-nano"}
scratch: {vocab_size: 600}
train_on: [{set: bookshop, view: intents, per_label: 4}]
adapt: {method: {name: full}, epochs: 1, batch_rows: 16, learning_rate: 0.003}
tasks: [{name: intents, kind: classification, data: {set: bookshop, view: intents}, max_items: 4}]
"""


@contextmanager
def serving(path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [SERVER, "-m", str(path), "--host", "127.0.0.1", "--port", str(port), "--jinja"]
    # Four slots of the context, and keys and values in float32 as they are here.
    command += ["-t", "1", "-c", "4096", "-np", "4", "-fa", "off", "-ctk", "f32", "-ctv", "f32"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                if httpx2.get(f"{address}/health", timeout=5).status_code == 200:
                    break
            except httpx2.HTTPError:
                pass
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
        yield f"{address}/v1"
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Two trained models as folders, and the addresses where llama.cpp serves them."""
    folder = tmp_path_factory.mktemp("served")
    path = folder / "taught.yaml"
    path.write_text(LOCAL)
    run = compare(path, folder / "run").folder
    models = [run / "contenders" / key / "run" / "model" for key in "AB"]
    files = [
        export_model(
            find_source(str(model)), folder / model.parts[-3], to="gguf", format_name="f32"
        )
        for key, model in zip("AB", models, strict=True)
    ]
    with serving(files[0]) as first, serving(files[1]) as second:
        yield models, (first, second)


def spec_of(served, tmp_path, fields="", task=""):
    models, urls = served
    lines = ["name: served", "contenders:"]
    for name, model, url in zip("QL", models, urls, strict=True):
        server = f"{{url: {url}, model: {name}, concurrency: 4, tokenizer: {model}{fields}}}"
        lines += [f"  - {{name: {name} served, endpoint: {server}}}"]
        lines += [f"  - {{name: {name} here, model: {model}}}"]
    task = task or (
        "{name: intents, kind: classification, grade: generation, "
        "data: {set: bookshop, view: intents}, max_items: 20}"
    )
    more = "{name: said, kind: reply, data: {set: bookshop, view: replies}, max_items: 6, "
    lines += ["tasks:", f"  - {task}", f"  - {more}max_characters: 60}}"]
    path = tmp_path / "served.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("fields", ["", ", stream: true"])
def test_served_and_here_read_and_write_the_same(served, tmp_path, fields):
    run = compare(spec_of(served, tmp_path, fields), tmp_path / "run").folder
    audit = {one["check"]: one for one in read_json(run / "audit.json")}
    assert audit["served"]["values"] == ["8 / 8", "✓", "8 / 8", "✓"]
    assert audit["served"]["status"] == "ok"
    for task, items in (("intents", 20), ("said", 6)):
        counted = audit[f"counted:{task}"]
        assert counted["status"] == "ok"
        for there, here in ((0, 1), (2, 3)):
            assert counted["values"][there] == f"{counted['values'][here]} ({items} / {items} =)"
        answers = {
            key: [record.answer for record in read_records(run / f"scores/{task}/{key}.jsonl")]
            for key in "ABCD"
        }
        equal = sum(
            a == b for pair in ("AB", "CD") for a, b in zip(*map(answers.get, pair), strict=True)
        )
        # Both compute in float32 in another order, so that a near tie may fall otherwise.
        assert equal >= 2 * items - 1


def test_likelihood_is_refused_before_anything_is_asked(served, tmp_path):
    task = "{name: intents, kind: classification, data: {set: bookshop, view: intents}}"
    with pytest.raises(LeitaiError, match="cannot choose"):
        compare(spec_of(served, tmp_path, task=task), tmp_path / "run")


def test_another_tokenizer_is_found_out(served, tmp_path):
    models, urls = served
    run = compare(spec_of((models[::-1], urls), tmp_path), tmp_path / "run").folder
    audit = {one["check"]: one for one in read_json(run / "audit.json")}
    assert audit["served"]["status"] == audit["counted:said"]["status"] == "warning"
    assert audit["served"]["values"][0] == "0 / 8"
