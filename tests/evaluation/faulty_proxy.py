"""A proxy on loopback that passes requests on, or fails in the ways that real networks do."""

import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2

PASS = {"kind": "pass"}


def slow(seconds):
    return {"kind": "slow", "seconds": seconds}


def status(code, body=b"{}", **headers):
    return {"kind": "status", "code": code, "body": body, "headers": headers}


def send(text):
    """Answer 200 with this text instead of asking anybody."""
    return {"kind": "status", "code": 200, "body": text.encode(), "headers": {}}


CUT = {"kind": "cut"}
HOLD = {"kind": "hold"}


class FaultyProxy:
    """Answers the n-th POST as the n-th step of the script says, then passes on.

    Attributes:
        delivered: how often each request body was answered by the server behind, whole: paid for.
        seen: all POSTs, in order: (path, body, headers).
        held: how many requests hang on a HOLD step.
        models: what /models answers; None passes it on.
    """

    def __init__(self, upstream, script=(), default=PASS):
        self.upstream, self.default = upstream, default
        self.script = list(script)
        self.delivered, self.seen = Counter(), []
        self.held, self.models = 0, None
        self.active = self.most_active = 0
        self.lock, self.released = threading.Lock(), threading.Event()
        self.http = httpx2.Client(timeout=60)

    def step(self, path, body, headers):
        with self.lock:
            self.seen.append((path, body, headers))
            return self.script.pop(0) if self.script else self.default

    def forward(self, method, path, body=None):
        headers = {"content-type": "application/json"}
        response = self.http.request(method, self.upstream + path, content=body, headers=headers)
        media_type = {"content_type": response.headers.get("content-type", "application/json")}
        return response.status_code, response.content, media_type


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        proxy = self.server.proxy
        if proxy.models is not None:
            listed = {"data": [{"id": name} for name in proxy.models]}
            return self.reply(200, json.dumps(listed).encode())
        return self.reply(*proxy.forward("GET", self.path))

    def do_POST(self):
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers["content-length"]))
        step = proxy.step(self.path, body, dict(self.headers))
        with proxy.lock:
            proxy.active += 1
            proxy.most_active = max(proxy.most_active, proxy.active)
        try:
            self.act(proxy, step, body)
        finally:
            with proxy.lock:
                proxy.active -= 1

    def act(self, proxy, step, body):
        kind = step["kind"]
        if kind == "hold":
            with proxy.lock:
                proxy.held += 1
            proxy.released.wait(60)
            self.close_connection = True
            return
        if kind == "status":
            self.reply(step["code"], step["body"], step["headers"])
            return
        if kind == "slow":
            time.sleep(step["seconds"])
        answer = proxy.forward("POST", self.path, body)
        if kind == "cut":
            self.reply(*answer, cut=True)
            return
        try:
            self.reply(*answer)
        except OSError:
            return
        with proxy.lock:
            proxy.delivered[body] += 1

    def reply(self, code, body, headers=None, cut=False):
        self.send_response(code)
        self.send_header("content-length", str(len(body)))
        for name, value in ({"content_type": "application/json"} | (headers or {})).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.wfile.flush()
        if cut:
            self.close_connection = True


@contextmanager
def faulty_proxy(upstream, script=(), default=PASS):
    """Run a proxy; its `url` ends at /v1."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    proxy = server.proxy = FaultyProxy(upstream, script, default)
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.released.set()
        server.shutdown()
        server.server_close()
