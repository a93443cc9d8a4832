"""Files of requests in, files of answers out."""

import json

import pytest
from inference_reference import TEXTS

from leitai.base import LeitaiError
from leitai.inference import requests
from leitai.inference.requests import generate_file, read_prompts, read_requests, score_file

ROWS = [
    {"context": "Where is", "continuation": " my order?", "id": 7},
    {"context": "", "continuation": "我的订单"},
    {"context": "Where is", "continuation": " 退款🙂", "note": {"a": [1]}},
    {"context": TEXTS[0], "continuation": TEXTS[1]},
    {"context": "Where is", "continuation": " my order?"},
]


def write(path, rows):
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("chunk", [1, 2, 1024])
def test_scores_are_added_to_every_row(lm, tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(requests, "CHUNK", chunk)
    ticks = []
    path, out = write(tmp_path / "in.jsonl", ROWS), tmp_path / "new" / "out.jsonl"
    assert score_file(lm, path, out, lambda done, note="": ticks.append(done)) == len(ROWS)
    assert ticks[-1] == len(ROWS)
    for row, expected, score in zip(read(out), ROWS, lm.score(ROWS), strict=True):
        assert {key: row[key] for key in expected} == expected
        assert set(row) - set(expected) == {"logprob", "tokens", "bytes", "greedy"}
        assert row["logprob"] == pytest.approx(score.logprob, abs=1e-4)
        assert (row["tokens"], row["bytes"]) == (score.tokens, score.bytes)
        assert row["greedy"] is score.greedy
    assert row["bytes"] == len(" my order?")


def test_answers_are_added_to_every_row(lm, tmp_path):
    rows = [
        {"prompt": "Where is", "id": 1},
        {"messages": [{"role": "user", "content": "退款"}], "id": 2},
        {"prompt": ""},
    ]
    path, out = write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    assert generate_file(lm, path, out, max_tokens=9, temperature=1.0, seed=2) == 3
    found = read(out)
    assert [row.get("id") for row in found] == [1, 2, None]
    assert found[0]["text"] == lm.generate("Where is", max_tokens=9, temperature=1.0, seed=2)
    assert found[1]["text"] == lm.chat(rows[1]["messages"], max_tokens=9, temperature=1.0, seed=2)
    assert all(row["finish"] in ("stop", "length") and row["tokens"] <= 9 for row in found)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not valid JSON"),
        ("[1]", "JSON object"),
        ('{"continuation": "b"}', "'context'"),
        ('{"context": "a"}', "'continuation'"),
        ('{"context": "a", "continuation": ""}', "continuation is empty"),
        ('{"context": 3, "continuation": "b"}', "found int"),
        ('{"context": "a", "continuation": null}', "found NoneType"),
        ('{"context": "a", "continuation": "\\ud83d"}', "surrogate"),
    ],
)
def test_a_broken_row_is_named_by_its_line(tmp_path, line, words):
    path = write(tmp_path / "in.jsonl", [ROWS[0], "", line])
    with pytest.raises(LeitaiError, match=words) as caught:
        read_requests(path)
    assert "line 3" in str(caught.value)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({}, "either"),
        ({"prompt": "a", "messages": []}, "either"),
        ({"prompt": 3}, "found int"),
        ({"messages": "hello"}, "not a list"),
    ],
)
def test_a_broken_prompt_is_named_by_its_line(tmp_path, row, words):
    path = write(tmp_path / "in.jsonl", [{"prompt": "a"}, row])
    with pytest.raises(LeitaiError, match=words) as caught:
        read_prompts(path)
    assert "line 2" in str(caught.value)


def test_rows_that_the_model_refuses_are_named_and_nothing_is_written(lm, tmp_path):
    out = tmp_path / "out.jsonl"
    path = write(tmp_path / "in.jsonl", [*ROWS, {"context": "x " * 999, "continuation": "b"}])
    with pytest.raises(LeitaiError, match=r"in\.jsonl, line 6: .*tokens"):
        score_file(lm, path, out)
    prompts = write(tmp_path / "p.jsonl", [{"prompt": "a"}, {"prompt": "x " * 999}])
    with pytest.raises(LeitaiError, match=r"p\.jsonl, line 2: .*tokens"):
        generate_file(lm, prompts, out, max_tokens=2)
    bad = write(tmp_path / "m.jsonl", [{"messages": [{"role": 3, "content": "a"}]}])
    with pytest.raises(LeitaiError, match=r"m\.jsonl, line 1"):
        generate_file(lm, bad, out, max_tokens=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "m.jsonl", "p.jsonl"]


def test_an_empty_or_absent_file_is_refused(tmp_path):
    with pytest.raises(LeitaiError, match="no rows"):
        read_requests(write(tmp_path / "in.jsonl", []))
    with pytest.raises(LeitaiError, match="no such file"):
        read_requests(tmp_path / "absent.jsonl")
