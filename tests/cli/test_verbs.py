"""Each verb does its work as a user would ask for it."""

import io
import json
import sys

import leitai as package


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


def test_tokenizers_counts_both_languages(leitai, model, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("hello there\n你好，世界\n", "utf-8")
    code, said, _ = leitai("tokenizers", text, "--model", model, "--model", model)
    assert code == 0
    assert "zh" in said and "en" in said


def test_doctor_and_data_list(leitai):
    code, said, _ = leitai("doctor")
    assert code == 0 and "torch" in said
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
