"""Each verb does its work as a user would ask for it."""

import io
import json
import sys
import tomllib
from pathlib import Path

import leitai as package

REPOSITORY = Path(__file__).parents[2]


def rows(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_score_adds_the_four_fields_and_keeps_the_rest(leitai, model, tmp_path):
    requests, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    requests.write_text(
        '{"context": "hello", "continuation": " there", "id": 7}\n'
        '{"context": "", "continuation": "你好"}\n',
        "utf-8",
    )
    code, said, _ = leitai("score", "--model", model, "--requests", requests, "--out", out)
    assert code == 0 and "2 rows" in said
    first, second = rows(out)
    assert first["id"] == 7
    assert first["logprob"] < 0 and first["bytes"] == 6 and second["bytes"] == 6
    assert {"tokens", "greedy"} <= first.keys()
    direct = package.load(str(model)).score([{"context": "hello", "continuation": " there"}])
    assert abs(direct[0].logprob - first["logprob"]) < 1e-4


def test_generate_writes_a_continuation_twice_the_same(leitai, model):
    words = ("generate", "--model", model, "--prompt", "hello", "--max-tokens", "5")
    first, second = leitai(*words), leitai(*words)
    assert first == second
    assert first[0] == 0


def test_generate_continues_a_file(leitai, model, tmp_path):
    prompts, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    prompts.write_text(
        '{"prompt": "hello"}\n{"messages": [{"role": "user", "content": "hi"}]}\n', "utf-8"
    )
    words = ("--prompts", prompts, "--out", out, "--max-tokens", 4)
    assert leitai("generate", "--model", model, *words)[0] == 0
    assert [row["tokens"] <= 4 for row in rows(out)] == [True, True]


def test_chat_answers_until_the_input_ends(leitai, model, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("hello\nand you?\n"))
    code, said, _ = leitai("chat", "--model", model, "--max-tokens", "3")
    assert code == 0
    assert said.count("\n") >= 2


def test_preview_shows_rows_and_counts(leitai, model, tmp_path):
    data = tmp_path / "rows.jsonl"
    data.write_text(
        json.dumps(
            {
                "messages": [
                    {"role": "user", "content": "hello <|im_end|>"},
                    {"role": "assistant", "content": "there"},
                ]
            }
        )
        + "\n",
        "utf-8",
    )
    code, said, _ = leitai("preview", "--model", model, "--data", data)
    assert code == 0
    for word in ("rows", "tokens", "targets", "truncated", "refused"):
        assert word in said.lower()


def test_tokenizers_compares_by_language(leitai, model, tmp_path):
    text, table = tmp_path / "text.txt", tmp_path / "table.md"
    text.write_text("hello there\n你好，世界\n" * 30, "utf-8")
    named = (f"a={model}", f"b={model / 'tokenizer.json'}")
    words = ("tokenizers", *named, "--data", text, "--markdown", table)
    code, said, err = leitai(*words)
    assert code == 0, err
    assert "zh" in said and "en" in said
    assert table.read_text("utf-8").count("\n") == 2 + 4
    code, said, _ = leitai(*words, "--json", "--price", "0.5", "--price", "b=2", "--context", 100)
    assert code == 0
    first, second = json.loads(said)[:2]
    assert (first["tokenizer"], second["tokenizer"]) == ("a", "b")
    assert first["characters"] == 30 * len("你好，世界\n")
    assert first["characters_in_context"] == int(100 * first["characters_per_token"])
    assert second["relative"] == 1
    prices = [row["cost_per_thousand_characters"] for row in (first, second)]
    assert prices[1] == 4 * prices[0] == 2e-6 * second["tokens_per_thousand_characters"]


def test_tokenizers_without_data_and_its_mistakes(leitai, model, tmp_path):
    code, said, _ = leitai("tokenizers", model)
    assert code == 0 and "bookshop" in said
    prices = tmp_path / "prices.yaml"
    prices.write_text("nano: 0.25\n")
    code, said, _ = leitai("tokenizers", model, "--price", prices, "--json")
    assert code == 0 and json.loads(said)[0]["cost_per_thousand_characters"] > 0
    for words, expected in [
        ((model, model), "NAME=MODEL"),
        ((model, "--price", "x=1"), "no tokenizer is called 'x'"),
        ((model, "--price", "cheap"), "expected a price"),
        ((model, "--data", "no-such-data"), "no such file"),
        ((tmp_path / "none",), "none"),
    ]:
        code, _, err = leitai("tokenizers", *words)
        assert code == 2 and expected in err


def test_resources_lists_what_models_need(leitai, model, tmp_path):
    code, said, _ = leitai("resources", "--json")
    rows = {row["name"]: row for row in json.loads(said)}
    assert code == 0 and rows["Qwen2.5-7B"]["parameters"] == 7_615_616_512
    assert {"Qwen2-72B", "Qwen3-4B", "Llama-3.1-405B", "Llama-3.2-1B"} <= rows.keys()
    table = tmp_path / "table.md"
    words = ("Qwen/Qwen3-8B", model, "--context", 32768, "--dtype", "int4", "--markdown", table)
    code, said, _ = leitai("resources", *words)
    assert code == 0 and "Qwen3-8B" in said
    assert "| Qwen3-8B | 8,190,735,360 |" in table.read_text("utf-8")
    code, _, err = leitai("resources", "Qwen9-8B")
    assert code == 2 and "did you mean" in err


def test_doctor_and_data_list(leitai):
    code, said, _ = leitai("doctor")
    assert code == 0 and "torch" in said
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    for extra in project["optional-dependencies"].keys() - {"dev", "test"}:
        assert f"extra {extra}" in said
    code, said, _ = leitai("data", "list")
    assert code == 0 and "banking77" in said and "bookshop" in said


def test_train_and_resume(leitai, tmp_path):
    spec = tmp_path / "train.yaml"
    spec.write_text(
        "name: t\nmodel: 'scratch:llama3-nano'\nvocab_size: 600\n"
        "data: [{set: bookshop, per_label: 1}]\n"
        "adapt: {method: {name: full}, epochs: 1, learning_rate: 0.003}\n"
    )
    run = tmp_path / "run"
    code, said, err = leitai("train", spec, "--out", run)
    assert code == 0, err
    assert said.rstrip().splitlines()[-1].startswith("Model: ")
    code, _, err = leitai("train", spec, "--out", run)
    assert code == 2 and "--resume" in err
    assert leitai("train", spec, "--out", run, "--resume")[0] == 0
    answer = leitai("generate", "--model", run / "model", "--prompt", "hi", "--max-tokens", 3)
    assert answer[0] == 0
