"""Downloads against a server on this machine: whole and checked, or not there at all."""

import gzip
import hashlib
import http.server
import json
import threading
from dataclasses import replace

import pytest

from leitai.base import LeitaiError
from leitai.data import CATALOGUE, DataSource, load_rows
from leitai.data import catalogue as catalogue_module
from leitai.data.download import get
from leitai.data.public import PublicFile, PublicSet
from leitai.data.source import Columns

TABLE = b"text,label\n" + b"".join(b"question %d,%c\n" % (n, b"ab"[n % 2]) for n in range(9000))


def entry(data=TABLE, **file):
    published = PublicFile("t.csv", "folder/t.csv", len(data), hashlib.sha256(data).hexdigest())
    return PublicSet(
        name="tiny",
        title="a tiny set",
        licence="CC0-1.0",
        repository="someone/something",
        commit="0" * 40,
        files=(replace(published, **file),),
        tables=(("t.csv", None),),
        columns=Columns(text="text", label="label"),
        language="en",
    )


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        status, headers, body = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        server.answer = (200, {}, TABLE)
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def known(monkeypatch):
    def publish(entry):
        monkeypatch.setitem(catalogue_module.CATALOGUE, entry.name, entry)

    publish(entry())
    return publish


def left_behind(root):
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_set_is_fetched_once_and_loads(tmp_path, server, known):
    folder = get("tiny", tmp_path, mirror=server.url)
    assert folder == tmp_path / "tiny"
    assert (folder / "t.csv").read_bytes() == TABLE
    assert server.asked == [f"/someone/something/{'0' * 40}/folder/t.csv"]
    source = json.loads((folder / "SOURCE.json").read_text())
    assert source["licence"] == "CC0-1.0"
    assert len(load_rows(DataSource(set="tiny"), base_folder=tmp_path, data_root=tmp_path)) == 9000
    get("tiny", tmp_path, mirror=server.url)
    assert len(server.asked) == 1
    assert {path.name for path in left_behind(tmp_path)} == {"t.csv", "SOURCE.json"}


def test_a_packed_copy_below_the_root_is_found(tmp_path, known):
    packed = tmp_path / "tiny" / "t.csv.gz"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(TABLE))
    assert len(load_rows(DataSource(set="tiny"), base_folder=tmp_path, data_root=tmp_path)) == 9000


def test_the_mirror_and_the_root_may_come_from_the_environment(
    tmp_path, server, known, monkeypatch
):
    monkeypatch.setenv("LEITAI_DATA_MIRROR", server.url)
    monkeypatch.setenv("LEITAI_DATA_ROOT", str(tmp_path / "root"))
    assert get("tiny") == tmp_path / "root" / "tiny"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, {}, TABLE[:-1] + b"x"), "another content than the published file"),
        ((200, {}, TABLE[:-1]), f"{len(TABLE) - 1:,} of {len(TABLE):,} bytes"),
        ((200, {}, TABLE + b"x"), f"more than the {len(TABLE):,} bytes"),
        ((200, {"Content-Length": str(len(TABLE))}, TABLE[:1000]), "1,000 of"),
        ((200, {}, b""), "0 of"),
        ((404, {}, b"no"), "the server answered 404"),
        ((503, {}, TABLE), "the server answered 503"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "the server answered 302"),
        ((302, {"Location": "http://example.com/t.csv"}, b""), "not an https address"),
    ],
)
def test_what_is_not_the_published_file_is_not_kept(tmp_path, server, known, answer, message):
    server.answer = answer
    with pytest.raises(LeitaiError) as caught:
        get("tiny", tmp_path, mirror=server.url)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert left_behind(tmp_path) == []


def test_an_endless_answer_is_cut_off(tmp_path, server, known):
    server.answer = (200, {}, b"x" * (64 << 20))
    with pytest.raises(LeitaiError, match="more than the"):
        get("tiny", tmp_path, mirror=server.url)
    assert left_behind(tmp_path) == []


def test_no_network_is_one_line_that_says_what_to_do(tmp_path, server, known):
    server.shutdown()
    server.server_close()
    with pytest.raises(LeitaiError) as caught:
        get("tiny", tmp_path, mirror=server.url)
    assert "no connection" in caught.value.what
    assert "check the network" in caught.value.remedy
    assert str(tmp_path / "tiny" / "t.csv") in caught.value.remedy
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("mirror", ["http://example.com", "ftp://127.0.0.1", "file:///tmp", "x"])
def test_only_https_is_asked(tmp_path, known, mirror):
    with pytest.raises(LeitaiError, match="not an https address"):
        get("tiny", tmp_path, mirror=mirror)


def test_another_file_in_its_place_is_not_overwritten(tmp_path, server, known):
    own = tmp_path / "tiny" / "t.csv"
    own.parent.mkdir()
    own.write_text("mine")
    with pytest.raises(LeitaiError, match="move it away"):
        get("tiny", tmp_path, mirror=server.url)
    assert own.read_text() == "mine"
    assert server.asked == []


def test_unknown_names(tmp_path):
    with pytest.raises(
        LeitaiError, match=r'unknown data set "clinc" \(did you mean "clinc150"\?\)'
    ):
        get("clinc", tmp_path)


def test_the_catalogue_is_complete():
    for name, published in CATALOGUE.items():
        assert published.name == name
        assert len(published.commit) == 40
        files = {file.name for file in published.files}
        assert {table for table, _ in published.tables} <= files
        assert published.labels is None or published.labels in files
        for file in published.files:
            assert len(file.sha256) == 64
            assert file.size > 0
            assert published.url(file).startswith("https://raw.githubusercontent.com/")
