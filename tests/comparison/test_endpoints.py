"""A duel of two endpoints over HTTP: what is paid is kept, counted, and decides between equals."""

import json
import shutil
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from scripted import write_spec

from leitai.comparison.duel import compare

PRICES = {"dear": {"input": 4.0, "output": 8.0}, "cheap": {"input": 1.0, "output": 2.0}}


@pytest.fixture
def server():
    """A server that says yes to everything, and counts; its address and the questions by model."""
    asked = Counter()

    class Yes(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if not self.path.endswith("/chat/completions"):
                self.send_error(404)  # as a host that shows no prompts
                return
            asked[body["model"]] += 1
            message = {"role": "assistant", "content": "yes"}
            answer = {
                "id": "1",
                "object": "chat.completion",
                "model": body["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25},
            }
            text = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Yes)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_address[1]}/v1", asked
    http.shutdown()


def test_equals_are_told_apart_by_their_price_and_nothing_is_paid_twice(tmp_path, server):
    url, asked = server
    path = write_spec(tmp_path, [80, 60])
    overrides = ["verdict.margins.accuracy=0.05"]
    for number, (model, price) in enumerate(PRICES.items()):
        place = f"contenders.{number}"
        overrides += [
            f"{place}.name={model}",
            f"{place}.endpoint.url={url}",
            f"{place}.endpoint.model={model}",
            f"{place}.endpoint.price={json.dumps(price)}",
        ]
    duel = compare(path, tmp_path / "run", overrides=overrides)
    overall = duel.verdict["overall"]
    assert (overall["verdict"], overall["winner"]) == ("equivalent", None)
    assert (overall["choice"]["winner"], overall["choice"]["by"]) == ("B", "price")
    assert "dear is 4 times as high" in overall["choice"]["why"]["en"]
    cost = json.loads((duel.folder / "cost.json").read_text("utf-8"))
    items = duel.verdict["tasks"][0]["slices"][0]["n"]
    assert asked == {"dear": items, "cheap": items}
    assert cost["A"]["spent"] == {
        "requests": items,
        "prompt_tokens": 20 * items,
        "tokens": 5 * items,
        "cost": pytest.approx(items * (20 * 4 + 5 * 8) / 1e6),
        "currency": "USD",
    }

    # All that was computed is lost; the answers are not.
    before = (duel.folder / "verdict.json").read_bytes()
    for name in ("stages", "scores"):
        shutil.rmtree(duel.folder / name)
    again = compare(path, tmp_path / "run", overrides=overrides)
    assert asked == {"dear": items, "cheap": items}
    assert again.reused == ()
    assert (again.folder / "verdict.json").read_bytes() == before
