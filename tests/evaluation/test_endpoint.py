"""Endpoints, asked through a faulty proxy; behind it is `transformers serve`, which is not ours."""

import json
import os
import signal
import subprocess
import sys
import time

import openai
import pytest
from faulty_proxy import CUT, HOLD, faulty_proxy, send, slow, status

from leitai.base.errors import LeitaiError
from leitai.data.bookshop import rows
from leitai.evaluation.asking import Prompting, question_and_answer
from leitai.evaluation.respondents.endpoint import EndpointSpec, Price, client
from leitai.evaluation.respondents.endpoint.respondent import Endpoint

ITEMS = [row for row in rows("intents") if row.split == "test"][:8]
LIMIT = 12
ARM = Prompting()


@pytest.fixture
def quick(monkeypatch):
    """Retry without long pauses."""
    monkeypatch.setattr(client, "_FIRST_WAIT", 0.02)


def official(served, tiny, row, stream=False):
    """What the server says to OpenAI's own client: (text, prompt tokens, written tokens)."""
    with openai.OpenAI(base_url=f"{served}/v1", api_key="none", max_retries=0) as asked:
        answer = asked.chat.completions.create(
            model=str(tiny),
            messages=list(question_and_answer(row)[0]),
            temperature=0,
            max_tokens=40,
            stream=stream,
        )
        if not stream:
            text, usage = answer.choices[0].message.content, answer.usage
        else:
            chunks = list(answer)
            text = "".join(one.choices[0].delta.content or "" for one in chunks)
            usage = chunks[-1].usage
    return text[:LIMIT], usage.prompt_tokens, usage.completion_tokens


@pytest.fixture(scope="module")
def direct(served, tiny):
    """What the server says of each row."""
    return [official(served, tiny, row) for row in ITEMS]


def spec(url, tiny, **fields):
    return EndpointSpec(**{"url": url, "model": str(tiny), "concurrency": 4, **fields})


def triples(written):
    return [(one.text, one.prompt_tokens, one.tokens) for one in written]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_answers_are_the_servers_in_the_rows_order(
    served, tiny, direct, tmp_path, monkeypatch, concurrency
):
    monkeypatch.setenv("SOME_KEY", "sk-hidden-1")
    price = Price(input=2.0, output=6.0, currency="CNY")
    with faulty_proxy(served) as proxy:
        settings = spec(
            proxy.url, tiny, concurrency=concurrency, price=price, api_key_env="SOME_KEY"
        )
        end = Endpoint(settings, ARM, tmp_path / "a.jsonl")
        written = end.write(ITEMS, LIMIT)
        assert triples(written) == direct
        assert proxy.most_active <= concurrency
        again = end.write(list(reversed(ITEMS)), LIMIT)
        assert [one.text for one in again] == [one.text for one in reversed(written)]
        assert set(proxy.delivered.values()) == {1}
    assert "hidden" not in (tmp_path / "a.jsonl").read_text("utf-8") + repr(settings)
    for one in written:
        assert one.cost == pytest.approx((2 * one.prompt_tokens + 6 * one.tokens) / 1e6)
        assert one.seconds > 0
    spent = end.spent()
    assert (spent.requests, spent.currency) == (len(ITEMS), "CNY")
    assert spent.cost == pytest.approx(sum(one.cost for one in written))
    assert spent.tokens == sum(one.tokens for one in written)


def test_a_streamed_answer_is_the_servers(served, tiny, tmp_path, quick):
    direct = [official(served, tiny, row, stream=True) for row in ITEMS[:4]]
    with faulty_proxy(served, [CUT]) as proxy:
        end = Endpoint(spec(proxy.url, tiny, stream=True), ARM, tmp_path / "a.jsonl")
        assert triples(end.write(ITEMS[:4], LIMIT)) == direct
        assert len(proxy.seen) == 5


def test_faults_change_nothing_but_time(served, tiny, direct, tmp_path, quick):
    script = [
        status(500, b"oops"),
        CUT,
        send("<html>not JSON"),
        send('{"choices": []}'),
        send('{"error": {"message": "upstream", "code": 502}}'),
        status(503, b"{}", retry_after="0.2"),
        status(408),
        slow(0.3),
    ]
    with faulty_proxy(served, script) as proxy:
        end = Endpoint(spec(proxy.url, tiny), ARM, tmp_path / "a.jsonl")
        assert triples(end.write(ITEMS, LIMIT)) == direct
        assert len(proxy.seen) == len(ITEMS) + len(script) - 1  # a slow answer is one
    assert len((tmp_path / "a.jsonl").read_text("utf-8").splitlines()) == len(ITEMS)


def test_everybody_waits_as_long_as_the_server_asks(served, tiny, direct, tmp_path, quick):
    with faulty_proxy(served, [status(429, b"{}", retry_after="1")]) as proxy:
        end = Endpoint(spec(proxy.url, tiny, concurrency=1), ARM, tmp_path / "a.jsonl")
        start = time.monotonic()
        assert triples(end.write(ITEMS[:2], LIMIT)) == direct[:2]
        assert time.monotonic() - start >= 1


def test_a_timeout_is_tried_again(served, tiny, direct, tmp_path, quick):
    with faulty_proxy(served, [HOLD]) as proxy:
        end = Endpoint(spec(proxy.url, tiny, timeout=5), ARM, tmp_path / "a.jsonl")
        assert triples(end.write(ITEMS[:1], LIMIT)) == direct[:1]
        assert len(proxy.seen) == 2


def test_a_server_that_never_answers_is_given_up_and_what_is_paid_stays(
    served, tiny, direct, tmp_path, quick
):
    with faulty_proxy(served) as proxy:
        proxy.script = [{"kind": "pass"}] * 3
        proxy.default = status(500, b'{"error": {"message": "overloaded"}}')
        settings = spec(proxy.url, tiny, concurrency=1, retries=2)
        with pytest.raises(LeitaiError, match=r"no answer in 3 attempts .*HTTP 500 overloaded"):
            Endpoint(settings, ARM, tmp_path / "a.jsonl").write(ITEMS, LIMIT)
        assert len(proxy.seen) == 3 + 3
        proxy.default = {"kind": "pass"}
        end = Endpoint(settings, ARM, tmp_path / "a.jsonl")
        assert triples(end.write(ITEMS, LIMIT)) == direct
        assert set(proxy.delivered.values()) == {1}


def test_a_longer_wait_than_anybody_has_is_said(served, tiny, tmp_path):
    with faulty_proxy(served, [status(429, b"{}", retry_after="86400")]) as proxy:
        end = Endpoint(spec(proxy.url, tiny), ARM, tmp_path / "a.jsonl")
        with pytest.raises(LeitaiError, match="come back in 86,400 seconds"):
            end.write(ITEMS[:1], LIMIT)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (
            status(401, b'{"error": {"message": "Incorrect key sk-hidden-1"}}'),
            "key is not accepted",
        ),
        (status(403, b'{"message": "no access"}'), "may not use this model"),
        (status(402, b"{}"), "no credit"),
        (status(429, b'{"error": {"code": "insufficient_quota"}}'), "no credit"),
        (status(404, b'{"error": "no such model"}'), "offered: qwen-plus, llama-3.3-70b"),
        (
            status(400, b'{"message": "top_k: wrong"}'),
            r"utterances.jsonl, line 4: HTTP 400 .top_k: wrong",
        ),
        (status(422, b'{"detail": "Unexpected fields"}'), "HTTP 422"),
        (status(308, b"", location="http://elsewhere/v1"), "leads elsewhere"),
        (send(json.dumps({"choices": [], "pad": "x" * 5000})), "longer than 4,096 bytes"),
    ],
)
def test_what_no_retry_repairs_is_one_line_and_one_request(
    served, tiny, tmp_path, monkeypatch, step, said
):
    monkeypatch.setenv("SOME_KEY", "sk-hidden-1")
    with faulty_proxy(served, [step]) as proxy:
        proxy.models = ["qwen-plus", "llama-3.3-70b"]
        settings = spec(
            proxy.url, tiny, concurrency=1, api_key_env="SOME_KEY", max_response_bytes=4096
        )
        with pytest.raises(LeitaiError, match=said) as caught:
            Endpoint(settings, ARM, tmp_path / "a.jsonl").write(ITEMS, LIMIT)
        assert len(proxy.seen) == 1
        assert proxy.seen[0][2]["authorization"] == "Bearer sk-hidden-1"
    assert "\n" not in str(caught.value)
    assert "sk-hidden" not in str(caught.value) + repr(caught.value.__context__)


def test_a_server_on_this_machine_is_asked_past_any_proxy(
    served, tiny, direct, tmp_path, monkeypatch
):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    end = Endpoint(spec(f"{served}/v1", tiny, retries=0), ARM, tmp_path / "a.jsonl")
    assert triples(end.write(ITEMS[:1], LIMIT)) == direct[:1]


def test_too_many_requests_say_what_to_slow_down(served, tiny, tmp_path, quick):
    with faulty_proxy(served, default=status(429)) as proxy:
        end = Endpoint(spec(proxy.url, tiny, retries=1), ARM, tmp_path / "a.jsonl")
        with pytest.raises(LeitaiError, match=r"HTTP 429\).*; ask slower \(requests_per_minute"):
            end.write(ITEMS[:1], LIMIT)


def test_a_server_that_is_not_there_is_said(tiny, tmp_path, quick):
    settings = spec("http://127.0.0.1:9/v1", tiny, retries=1)
    with pytest.raises(LeitaiError, match=r"connection lost.*see to the server"):
        Endpoint(settings, ARM, tmp_path / "a.jsonl").write(ITEMS[:1], LIMIT)


def test_a_question_the_provider_declines_costs_that_item_alone(served, tiny, direct, tmp_path):
    said = b'{"code": "data_inspection_failed", "message": "inappropriate content"}'
    with faulty_proxy(served, [status(400, said)]) as proxy:
        end = Endpoint(spec(proxy.url, tiny, concurrency=1), ARM, tmp_path / "a.jsonl")
        first, *others = end.write(ITEMS[:3], LIMIT)
        assert (first.text, first.finish) == ("", "error")
        assert triples(others) == direct[1:3]
        end.write(ITEMS[:3], LIMIT)
        assert len(proxy.seen) == 3


def test_an_endpoint_without_prompt_probabilities_only_writes(served, tiny, tmp_path):
    end = Endpoint(spec(f"{served}/v1", tiny), ARM, tmp_path / "a.jsonl")
    assert end.abilities == {"write"}
    with pytest.raises(LeitaiError, match="name its folder or hub id as `tokenizer`"):
        end.choose(ITEMS[:1], [["a", "b"]])
    end = Endpoint(spec(f"{served}/v1", tiny, tokenizer=str(tiny)), ARM, tmp_path / "a.jsonl")
    assert end.abilities == {"write"}
    with pytest.raises(LeitaiError, match="does not return log-probabilities of a prompt"):
        end.choose(ITEMS[:1], [["a", "b"]])


RUN = """
import signal
import sys
from pathlib import Path
from leitai.data.bookshop import rows
from leitai.evaluation.asking import Prompting
from leitai.evaluation.respondents.endpoint import EndpointSpec
from leitai.evaluation.respondents.endpoint.respondent import Endpoint
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
url, model, ledger, limit = sys.argv[1:]
items = [row for row in rows("intents") if row.split == "test"][:8]
spec = EndpointSpec(url=url, model=model, concurrency=2)
Endpoint(spec, Prompting(), Path(ledger)).write(items, int(limit))
"""


def start_run(url, tiny, ledger):
    arguments = [url, str(tiny), str(ledger), str(LIMIT)]
    return subprocess.Popen([sys.executable, "-c", RUN, *arguments], stderr=subprocess.PIPE)


def wait_until(true):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_run_goes_on_and_nothing_is_paid_twice(served, tiny, direct, tmp_path):
    ledger = tmp_path / "contender" / "answers.jsonl"
    with faulty_proxy(served, [{"kind": "pass"}] * 5, default=HOLD) as proxy:
        process = start_run(proxy.url, tiny, ledger)
        wait_until(lambda: proxy.held == 2)
        kept = ledger.read_bytes().splitlines()
        process.kill()
        process.wait()
        assert len(kept) == 5
        assert sum(proxy.delivered.values()) == 5
        with ledger.open("ab") as file:
            file.write(b'{"key": "cut short by the ki')
        proxy.released.set()
        proxy.default = {"kind": "pass"}
        end = Endpoint(spec(proxy.url, tiny), ARM, ledger)
        assert triples(end.write(ITEMS, LIMIT)) == direct
        assert len(proxy.delivered) == len(ITEMS)
        assert set(proxy.delivered.values()) == {1}
        assert end.spent().requests == len(ITEMS)
    assert [json.loads(line)["key"] for line in ledger.read_text("utf-8").splitlines()][:5] == [
        json.loads(line)["key"] for line in kept
    ]


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_keeps_what_is_under_way(served, tiny, tmp_path):
    ledger = tmp_path / "answers.jsonl"
    with faulty_proxy(served, default=slow(1.5)) as proxy:
        process = start_run(proxy.url, tiny, ledger)
        wait_until(lambda: proxy.active == 2)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) != 0
        assert b"KeyboardInterrupt" in process.stderr.read()
        assert len(proxy.seen) == 2
        assert len(ledger.read_bytes().splitlines()) == 2
