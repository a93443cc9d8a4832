"""Paths and hub ids, with the hub's client replaced: the tests need no network."""

import socket
import time
from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

from leitai.base import LeitaiError
from leitai.models import hub, resolve_model


def test_a_folder_is_itself(tmp_path):
    assert resolve_model(tmp_path) == tmp_path
    assert resolve_model(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("text", ["./absent", "/no/such/folder", "a/b/c", "name", "", "../x/y"])
def test_what_is_neither_folder_nor_id_is_refused(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "_reachable", lambda _: pytest.fail("asked the network"))
    if text == "":
        assert resolve_model(text).is_dir()  # the current folder, as everywhere
        return
    with pytest.raises(LeitaiError, match="no such folder"):
        resolve_model(text)


def test_a_file_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    path.touch()
    with pytest.raises(LeitaiError, match="this is a file"):
        resolve_model(path)


@pytest.fixture
def calls(monkeypatch, tmp_path):
    made = []

    def download(name, **options):
        made.append((name, options))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(hub, "_reachable", lambda _: True)
    return made


def test_an_id_is_fetched_without_pickles_or_code(calls, tmp_path):
    assert resolve_model("Qwen/Qwen2.5-0.5B@abc") == tmp_path
    name, options = calls[0]
    assert name == "Qwen/Qwen2.5-0.5B"
    assert options["revision"] == "abc"
    files = {
        *("config.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json"),
        *("tokenizer.json", "chat_template.jinja", "qwen.tiktoken", "tokenizer.model"),
    }
    others = {"pytorch_model.bin", "modeling.py", "original/consolidated.00.pth", "x/y.json"}
    kept = huggingface_hub.utils.filter_repo_objects(
        sorted(files | others),
        allow_patterns=options["allow_patterns"],
        ignore_patterns=options["ignore_patterns"],
    )
    assert set(kept) == files


def test_no_network_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "_reachable", lambda _: False)
    with pytest.raises(LeitaiError) as caught:
        resolve_model("Qwen/Qwen2.5-0.5B")
    for word in ("cannot be reached", "download it", "HF_HOME", "HF_ENDPOINT"):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_the_cache_holds_works_without_a_network(calls, monkeypatch, tmp_path):
    monkeypatch.setattr(hub, "_reachable", lambda _: False)
    assert resolve_model("Qwen/Qwen2.5-0.5B") == tmp_path
    assert calls[0][1]["local_files_only"] is True


def _not_found():
    # The library's HTTP client changes between its versions; the error reads these fields alone.
    response = SimpleNamespace(headers={}, request=None, status_code=404)
    return RepositoryNotFoundError("404", response=response)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (_not_found, "refuses this model"),
        (lambda: LocalEntryNotFoundError("not cached"), "cannot be reached"),
        (lambda: TimeoutError("slow"), "the download failed"),
    ],
)
def test_the_clients_errors_become_one_line(monkeypatch, error, words):
    def download(*_, **__):
        raise error()

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(hub, "_reachable", lambda _: True)
    with pytest.raises(LeitaiError, match=words):
        resolve_model("Qwen/Qwen2.5-0.5B")


def test_reachability_is_one_quick_connection(monkeypatch):
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(variable, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert hub._reachable(f"http://127.0.0.1:{port}")
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        assert hub._reachable("https://hub.invalid")
    start = time.monotonic()
    assert not hub._reachable(f"http://127.0.0.1:{port}")
    monkeypatch.delenv("https_proxy")
    assert not hub._reachable("https://hub.invalid")
    assert time.monotonic() - start < 10
