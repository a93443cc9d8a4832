"""A server of the legacy completions API with `echo` and `logprobs`, computed by transformers.

Its answers have the form of vLLM's: one entry a token, the first without a number, and one token
written behind the prompt.
"""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import torch
from transformers import AutoModelForCausalLM


def scored(model, ids):
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    logprobs = [None] + [float(logits[at, token]) for at, token in enumerate(ids[1:])]
    written = int(logits[-1].argmax())
    return [*logprobs, float(logits[-1, written])]


@contextmanager
def scoring_server(folder, echoes=True):
    """Run it; yields an object with `url` and `requests`."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            server.requests.append(body)
            choices = [
                {"index": n, "text": "", "logprobs": {"token_logprobs": numbers}}
                for n, ids in enumerate(body["prompt"])
                for numbers in [scored(model, ids) if echoes else scored(model, ids)[-1:]]
            ]
            choices.reverse()  # a client goes by the index
            prompt = sum(map(len, body["prompt"]))
            usage = {"prompt_tokens": prompt, "completion_tokens": len(choices)}
            answer = json.dumps({"choices": choices, "usage": usage}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.requests = []
    server.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
