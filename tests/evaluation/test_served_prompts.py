"""What servers show of a prompt's ids: as llama.cpp and vLLM do, otherwise, or not at all."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from leitai.data.bookshop import rows
from leitai.evaluation.asking import Prompting, prompt_ids
from leitai.evaluation.respondents.endpoint.respondent import Endpoint
from leitai.evaluation.respondents.endpoint.spec import EndpointSpec
from leitai.text import Chat, Tokenizer

ITEMS = list(rows("replies"))[:3]
ARM = Prompting(system="Be brief.", date="26 Jul 2024")


@pytest.fixture
def routes():
    """A server whose routes a test gives: {path: body -> answer}; None answers 404."""
    found, asked = {}, []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append((self.path, body))
            answer = found.get(self.path, lambda body: None)(body)
            text = json.dumps(answer or {"error": "no such route"}).encode()
            self.send_response(404 if answer is None else 200)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self):
            self.send_response(404)
            self.send_header("content-length", "0")
            self.end_headers()

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_address[1]}/v1", found, asked
    http.shutdown()


def end(url, tmp_path, **fields):
    spec = EndpointSpec(url=url, model="m", **fields)
    return Endpoint(spec, ARM, tmp_path / "answers.jsonl")


def test_ids_as_llama_cpp_shows_them(routes, tiny, tmp_path):
    url, found, asked = routes
    chat = Chat.from_folder(tiny, Tokenizer.from_folder(tiny))
    wanted = {str(number): prompt_ids(chat, row, ARM) for number, row in enumerate(ITEMS)}
    served = iter(wanted)
    found["/apply-template"] = lambda body: {"prompt": next(served)}
    found["/tokenize"] = lambda body: {"tokens": wanted[body["content"]]}
    shown = end(url, tmp_path, tokenizer=str(tiny)).served(ITEMS)
    assert [one.told for one in shown] == [one.here for one in shown] == list(wanted.values())
    path, body = asked[0]
    assert path == "/apply-template"
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert "max_tokens" not in body
    assert asked[1][1]["add_special"] and asked[1][1]["parse_special"]


def test_ids_as_vllm_shows_them(routes, tmp_path):
    url, found, _ = routes
    found["/tokenize"] = lambda body: (
        {"tokens": [1, 2], "count": 2} if body.get("add_generation_prompt") else None
    )
    shown = end(url, tmp_path, extra={"chat_template_kwargs": {"date_string": "x"}}).served(ITEMS)
    assert [tuple(one) for one in shown] == [([1, 2], None)] * 3


@pytest.mark.parametrize("answer", [None, {"tokens": []}, {"tokens": "no"}, {"tokens": [True]}])
def test_other_servers_show_nothing(routes, tmp_path, answer):
    url, found, _ = routes
    found["/tokenize"] = lambda body: answer
    assert [tuple(one) for one in end(url, tmp_path).served(ITEMS)] == [(None, None)] * 3


def test_a_server_that_is_not_there_shows_nothing(tmp_path):
    shown = end("http://127.0.0.1:9/v1", tmp_path).served(ITEMS[:1])
    assert shown[0].told is None
