"""What commands say of their own plans when they are done."""

import json

import pytest
from machines import round_machine

from leitai import planning
from leitai.cli import planned

ROWS = {
    "score": [{"context": "hello there ", "continuation": word} for word in ("you", "there", "ok")],
    "generate": [{"prompt": "hello"}, {"messages": [{"role": "user", "content": "hello there"}]}],
}


def command(leitai, verb, model, folder):
    source = folder / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in ROWS[verb]), "utf-8")
    option = {"score": "--requests", "generate": "--prompts"}[verb]
    more = ["--max-tokens", "3"] if verb == "generate" else []
    return leitai(verb, "--model", model, option, source, "--out", folder / "out.jsonl", *more)


@pytest.mark.parametrize("verb", ROWS)
def test_a_file_is_held_against_its_plan(leitai, model, tmp_path, monkeypatch, verb):
    monkeypatch.setattr(planning, "cached_machine", lambda *_, **__: round_machine())
    code, said, _ = command(leitai, verb, model, tmp_path)
    assert code == 0
    first, last = said.strip().splitlines()[-2:]
    assert first.startswith("planned ") and " GB, took " in first
    assert f"{len(ROWS[verb])} rows" in last


@pytest.mark.parametrize(("worth", "told"), [(0.0, True), (1e9, False)])
def test_an_unmeasured_machine_is_told_of_where_it_matters(
    leitai, model, tmp_path, monkeypatch, worth, told
):
    monkeypatch.setattr(planning, "cached_machine", lambda *_, **__: None)
    monkeypatch.setattr(planned, "WORTH_SECONDS", worth)
    code, said, _ = command(leitai, "score", model, tmp_path)
    assert code == 0
    assert (planned.UNMEASURED in said) == told
