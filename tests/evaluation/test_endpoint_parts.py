"""What an endpoint is made of, each held against its own statement; no server."""

import json
import re
import threading
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from leitai.base.errors import LeitaiError
from leitai.base.journal import Journal
from leitai.evaluation.respondents.endpoint import EndpointSpec, Price
from leitai.evaluation.respondents.endpoint.answers import (
    check_chat,
    cost_of,
    decline_chat,
    keep_chat,
    read_chat,
)
from leitai.evaluation.respondents.endpoint.bodies import chat_body
from leitai.evaluation.respondents.endpoint.failure import Transient, read_words, retry_after
from leitai.evaluation.respondents.endpoint.ledger import Ledger
from leitai.evaluation.respondents.endpoint.pace import Pace
from leitai.evaluation.respondents.endpoint.reading import read_response, used_tokens
from leitai.evaluation.respondents.endpoint.spec import PriceTable
from leitai.evaluation.respondents.source import SourceSpec

SPEC = EndpointSpec(url="https://example.org/v1/", model="qwen-plus")


def response(content, finish="stop", **message):
    return {
        "choices": [{"message": {"content": content, **message}, "finish_reason": finish}],
        "usage": {
            "prompt_tokens": 1000,
            "completion_tokens": 500,
            "prompt_tokens_details": {"cached_tokens": 400},
        },
    }


def read(value, thinking=None, limit=20, price=None):
    check_chat(value)
    return read_chat(json.loads(json.dumps(keep_chat(value))), 1.5, limit, thinking, price)


@pytest.mark.parametrize(
    ("value", "thinking", "text", "reasoning", "finish"),
    [
        (response("yes"), None, "yes", "", "stop"),
        (response("yes", "length"), None, "yes", "", "length"),
        (response("x" * 21), None, "x" * 20, "", "length"),
        (response("是" * 20), None, "是" * 20, "", "stop"),
        (response("<think>\nhm\n</think>\n\nyes"), None, "yes", "hm", "stop"),
        (response("hm\n</think>\n\nyes"), True, "yes", "hm", "stop"),
        (response("yes", reasoning_content="hm"), True, "yes", "hm", "stop"),
        (response("yes", reasoning="hm"), None, "yes", "hm", "stop"),
        # A missing </think> is a failure, however the server shows it.
        (response("<think>\nhm yes", "length"), None, "", "hm yes", "length"),
        (response("<think>\nhm yes"), None, "", "hm yes", "length"),
        (response("hm yes", "length"), True, "", "hm yes", "length"),
        (response(None, "length", reasoning_content="hm"), True, "", "hm", "length"),
        (response("", "content_filter"), None, "", "", "error"),
    ],
)
def test_reasoning_is_parted_off(value, thinking, text, reasoning, finish):
    found = read(value, thinking)
    assert (found.text, found.reasoning, found.finish) == (text, reasoning, finish)
    assert (found.prompt_tokens, found.tokens, found.seconds) == (1000, 500, 1.5)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"choices": []},
        {"choices": "x"},
        {"choices": [None]},
        {"choices": [{}]},
        {"choices": [{"message": {"content": 3}}]},
        {"choices": [{"message": {"content": [{"type": "text"}]}}]},
    ],
)
def test_a_response_without_an_answer_is_tried_again(value):
    with pytest.raises(Transient):
        check_chat(value)


def event(value):
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def chunk(finish=None, **delta):
    return {"choices": [{"delta": delta, "finish_reason": finish}], "usage": None}


def test_a_stream_is_put_together():
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    events = [
        b": a comment\n\n",
        event(chunk(role="assistant", content=None)),
        event(chunk(reasoning_content="h")),
        event(chunk(reasoning_content="m", content="")),
        event(chunk(content="订")),
        event(chunk(content="单", finish="stop")),
        event({"choices": [], "usage": usage, "model": "m"}),
        b"data: [DONE]\n\n",
    ]
    value = read_response(b"".join(events), "text/event-stream; charset=utf-8")
    found = read(value, thinking=True)
    assert (found.text, found.reasoning, found.finish) == ("订单", "hm", "stop")
    assert (found.prompt_tokens, found.tokens) == (7, 3)
    assert used_tokens(value) == 10
    with pytest.raises(Transient, match="ended before the answer"):
        read_response(b"".join(events[:5]), "text/event-stream")
    with pytest.raises(Transient, match="not JSON"):
        read_response(events[1][:-20], "text/event-stream")
    broken = event({"error": {"message": "overloaded"}})
    assert read_response(b"".join(events[:3]) + broken, "text/event-stream") == {
        "error": {"message": "overloaded"}
    }


def test_costs_by_hand():
    usage = {"prompt": 1000, "written": 500, "cached": 400}
    assert cost_of(usage, Price(input=3, output=6)) == pytest.approx(0.006)
    cheaper = Price(input=3, output=6, cached_input=1)
    assert cost_of(usage, cheaper) == pytest.approx(0.0018 + 0.0004 + 0.003)
    assert cost_of({"prompt": 1000}, cheaper) is None
    assert cost_of(usage, None) is None
    assert read(response("yes"), price=Price(input=3, output=6)).cost == pytest.approx(0.006)


def test_a_declined_question_is_an_error_and_free():
    found = read_chat(decline_chat("m", "no"), 0.0, 5, None, Price(input=1, output=1))
    assert (found.text, found.finish, found.cost) == ("", "error", None)


def test_the_request_by_hand():
    messages = [{"role": "user", "content": "hi"}]
    plain = {"model": "qwen-plus", "messages": messages, "temperature": 0, "seed": 1}
    assert chat_body(SPEC, messages, None, 10, None) == plain | {"max_tokens": 36}
    spec = SPEC.model_copy(
        update={
            "max_tokens": 50,
            "reasoning_tokens": 200,
            "extra": {"seed": None, "top_k": 1, "chat_template_kwargs": {"date_string": "x"}},
        }
    )
    switch = {"enable_thinking": True}
    expected = {"model": "qwen-plus", "messages": messages, "temperature": 0, "top_k": 1}
    both = {"chat_template_kwargs": switch | {"date_string": "x"}, "max_tokens": 250}
    assert chat_body(spec, messages, None, 10, True) == expected | both
    streamed = chat_body(SPEC.model_copy(update={"stream": True}), messages, None, 10, None)
    more = {"stream": True, "stream_options": {"include_usage": True}}
    assert streamed == plain | {"max_tokens": 36} | more
    dashscope = SPEC.model_copy(update={"thinking_as": "enable_thinking"})
    assert chat_body(dashscope, messages, None, 10, False)["enable_thinking"] is False
    silent = SPEC.model_copy(update={"thinking_as": "none"})
    assert chat_body(silent, messages, None, 10, True).keys() == plain.keys() | {"max_tokens"}


@given(
    st.integers(1, 200),
    st.lists(st.floats(0, 30), min_size=1, max_size=60),
)
def test_no_minute_sees_more_requests_than_allowed(limit, gaps):
    now = SimpleNamespace(value=0.0)
    pace = Pace(limit, None, lambda: now.value)
    sent = []
    for gap in gaps:
        now.value += gap
        sent.append(pace.book(0))
    for start in sent:
        assert sum(start <= at < start + 60 - 1e-6 for at in sent) <= limit
    assert sent == sorted(sent)


def test_tokens_flow_evenly_and_bookings_are_corrected():
    now = SimpleNamespace(value=0.0)
    pace = Pace(None, 6000, lambda: now.value)  # 600 at once, then 90 a second
    assert pace.book(600) == 0
    assert pace.book(90) == pytest.approx(1)
    pace.settle(booked=90, used=0)
    assert pace.book(90) == pytest.approx(1)
    assert pace.book(6000) == pytest.approx(1 + 600 / 90)  # as soon as the bucket is full


def test_a_pause_holds_for_all():
    now = SimpleNamespace(value=0.0)
    pace = Pace(None, None, lambda: now.value)
    assert pace.seconds_until(pace.book(10)) == 0
    pace.pause(5)
    pace.pause(2)
    assert pace.seconds_until(pace.book(10)) == 5
    now.value = 5.0
    assert pace.seconds_until(0.0) == 0


def test_retry_after_is_read_in_all_its_forms():
    assert retry_after({"retry-after": "3"}) == 3
    assert retry_after({"retry-after-ms": "250", "retry-after": "1"}) == 0.25
    import time

    date = formatdate(time.time() + 100, usegmt=True)
    assert retry_after({"retry-after": date}) == pytest.approx(100, abs=2)
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    for odd in ("soon", "nan", "", "1e999", "-5"):
        assert retry_after({"retry-after": odd}) in (None, 0)
    assert retry_after({}) is None


def test_what_a_server_says_is_one_short_line_without_the_key():
    said = read_words(
        b'{"error": {"code": "bad", "message": "key sk-1234\\nis\\u0007 wrong"}}', "sk-1234"
    )
    assert said == "bad: key *** is wrong"
    assert read_words(b'{"detail": [{"msg": "x"}]}', None)
    assert len(read_words(b"x" * 5000, None)) == 200
    assert read_words(b"\xff\xfe", None) == "\ufffd\ufffd"
    assert read_words(b"[" * 100_000, None)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": "localhost:8000"}, "expected a URL"),
        ({"url": "ftp://host/v1"}, "expected a URL"),
        ({"url": "https://user:secret@host/v1"}, "no key, user or query"),
        ({"url": "https://host/v1?api-key=secret"}, "no key, user or query"),
        ({"url": "https://host/v1/chat/completions"}, "end the url before"),
        ({"api_key_env": "sk-secret"}, "never the key itself"),
        ({"extra": {"messages": []}}, "messages cannot be set"),
        ({"price": {"input": 1, "output": 1}, "price_table": "p.yaml"}, "not both"),
    ],
)
def test_a_spec_says_what_is_wrong_without_the_secret(fields, said):
    with pytest.raises(ValidationError, match=said) as caught:
        EndpointSpec(**{"url": "http://localhost/v1", "model": "m", **fields})
    assert "secret" not in caught.value.errors()[0]["msg"]


def test_what_decides_the_answers_decides_the_state():
    same = {"concurrency": 3, "retries": 0, "price": Price(input=1, output=1), "timeout": 5}
    assert SPEC.model_copy(update=same).state() == SPEC.state()
    for change in (
        {"model": "other"},
        {"extra": {"top_k": 1}},
        {"seed": 2},
        {"url": "http://x/v1"},
    ):
        assert SPEC.model_copy(update=change).state() != SPEC.state()


def test_the_page_about_endpoints_shows_specs_that_are_accepted():
    page = Path(__file__).parents[2] / "docs" / "endpoints.md"
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    contenders = [one for block in blocks for one in _contenders(yaml.safe_load(block))]
    assert len(contenders) == 3
    for one in contenders:
        SourceSpec(**{k: v for k, v in one.items() if k in SourceSpec.model_fields})
    assert any(PriceTable.model_validate(yaml.safe_load(b)) for b in blocks if "models:" in b)


def _contenders(value):
    return value if isinstance(value, list) else value.get("contenders", [])


def test_a_key_must_be_there(monkeypatch):
    spec = SPEC.model_copy(update={"api_key_env": "LEITAI_TEST_KEY"})
    monkeypatch.delenv("LEITAI_TEST_KEY", raising=False)
    with pytest.raises(LeitaiError, match="export LEITAI_TEST_KEY"):
        spec.read_key()
    monkeypatch.setenv("LEITAI_TEST_KEY", " k\u00e9y ")
    with pytest.raises(LeitaiError, match="characters that no key has") as caught:
        spec.read_key()
    assert "k\u00e9y" not in str(caught.value)
    monkeypatch.setenv("LEITAI_TEST_KEY", " key\n")
    assert spec.read_key() == "key"


def test_prices_come_from_a_table(tmp_path):
    (tmp_path / "prices.yaml").write_text(
        "models:\n  qwen-plus: {input: 0.8, output: 2, currency: CNY}\n", "utf-8"
    )
    spec = SPEC.model_copy(update={"price_table": "prices.yaml"})
    assert spec.find_price(tmp_path) == Price(input=0.8, output=2, currency="CNY")
    other = spec.model_copy(update={"model": "qwen-plu"})
    with pytest.raises(LeitaiError, match="no price for 'qwen-plu'; there is 'qwen-plus'"):
        other.find_price(tmp_path)
    assert SPEC.find_price(tmp_path) is None


def test_a_journal_loses_no_more_than_a_cut_line(tmp_path):
    path = tmp_path / "new" / "a.jsonl"
    journal = Journal(path)
    assert list(journal.read()) == []
    threads = [threading.Thread(target=journal.append, args=({"n": n},)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = path.read_bytes()
    for cut in range(1, 9):
        path.write_bytes(whole[:-cut])
        journal = Journal(path)
        assert len(list(journal.read())) == 19
        journal.append({"n": "订单"})
        journal.close()
        found = list(Journal(path).read())
        assert len(found) == 20
        assert found[-1] == {"n": "订单"}
    path.write_bytes(whole + b"\0\0\0\n")  # a block that never reached the disk
    assert len(list(Journal(path).read())) == 20
    path.write_bytes(b"{\n" + whole)
    with pytest.raises(LeitaiError, match=r"a\.jsonl, line 1"):
        list(Journal(path).read())


def test_a_foreign_file_is_no_ledger(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"role": "user"}\n', "utf-8")
    with pytest.raises(LeitaiError, match="not a ledger"):
        Ledger(tmp_path / "a.jsonl")
