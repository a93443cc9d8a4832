"""Every mistake of a user: one line that says what, where and what to do; exit code 2."""

import json
import shutil

import pytest


def check(ended, *words):
    """One line on standard error, exit code 2, and the words that help."""
    code, _, err = ended
    assert code == 2, err
    assert len(err.strip().splitlines()) == 1, err
    assert "Traceback" not in err
    for word in words:
        assert word in err, err


@pytest.fixture
def broken(model, tmp_path):
    """A copy of the model to break."""
    folder = tmp_path / "broken"
    shutil.copytree(model, folder)
    return folder


@pytest.fixture
def generate(leitai, broken):
    return lambda *more: leitai("generate", "--model", broken, "--prompt", "a", *more)


def edit(path, **changes):
    value = json.loads(path.read_text("utf-8"))
    value.update(changes)
    path.write_text(json.dumps(value), "utf-8")


def test_missing_weights(generate, broken):
    (broken / "model.safetensors").unlink()
    check(generate(), "safetensors")


def test_truncated_weights(generate, broken):
    path = broken / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    check(generate(), "model.safetensors")


def test_weights_that_are_no_safetensors(generate, broken):
    (broken / "model.safetensors").write_bytes(b"PK\x03\x04 this is a pickle in disguise" * 9)
    check(generate(), "model.safetensors")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"model_type": "gpt2"}, "gpt2"),
        ({"hidden_act": "gelu"}, "hidden_act"),
        ({"attention_bias": True}, "attention_bias"),
        ({"use_sliding_window": True, "sliding_window": 4}, "sliding"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "yarn"),
        ({"num_hidden_layers": 3}, "model.layers.3"),
        ({"hidden_size": 64}, "(expected [64], found [128])"),
    ],
)
def test_a_wrong_config(generate, broken, changes, word):
    edit(broken / "config.json", **changes)
    if "rope_scaling" in changes:  # the older form of the same fields
        value = json.loads((broken / "config.json").read_text("utf-8"))
        value.pop("rope_parameters", None)
        (broken / "config.json").write_text(json.dumps(value), "utf-8")
    check(generate(), word)


def test_no_tokenizer(generate, broken):
    (broken / "tokenizer.json").unlink()
    check(generate(), "tokenizer")


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__init__.__globals__ }}",
        "{% set x = namespace(s='aaaaaaaaaa') %}"
        "{% for i in range(60) %}{% set x.s = x.s ~ x.s %}{% endfor %}{{ x.s }}",
        "{{ 'a' * 10**10 }}",
        "{% if %}",
    ],
)
def test_a_template_that_loops_or_breaks_out(leitai, broken, tmp_path, template):
    (broken / "chat_template.jinja").write_text(template)
    prompts = tmp_path / "p.jsonl"
    prompts.write_text('{"messages": [{"role": "user", "content": "hi"}]}\n')
    out = tmp_path / "o.jsonl"
    check(leitai("generate", "--model", broken, "--prompts", prompts, "--out", out), "template")
    assert not out.exists()


def test_no_such_model(leitai):
    check(leitai("generate", "--model", "./nowhere", "--prompt", "a"), "./nowhere")


def test_a_device_that_is_not_there(generate):
    check(generate("--device", "nonsense"), "nonsense")


def test_a_hub_id_without_a_network(leitai, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    check(leitai("generate", "--model", "nobody/nothing", "--prompt", "a"), "nobody/nothing")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "rows"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b'{"context": "a"}\n', "continuation"),
        (b'{"context": "a", "continuation": ""}\n', "continuation"),
        (b'{"context": 1, "continuation": "a"}\n', "context"),
        (b"[1]\n", "line 1"),
        (b'{"context": "a", "continuation": "b"}\n{"context"\n', "line 2"),
        (b'{"context": "' + b"a" * (50 << 20) + b'", "continuation": "b"}\n', "line 1"),
    ],
)
def test_bad_requests(leitai, model, tmp_path, content, word):
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_bytes(content)
    check(leitai("score", "--model", model, "--requests", path, "--out", out), word, "in.jsonl")
    assert not out.exists()


SPEC = """
name: bad
contenders: [{name: Q, model: "scratch:qwen3-nano"}, {name: L, model: "scratch:llama3-nano"}]
train_on: [DATA]
adapt: {method: {name: full}, epochs: 1}
tasks: [{name: t, kind: classification, data: DATA}]
"""


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("text,label\n", ["rows"]),
        ("text,label\n" + "".join(f"question {i},same\n" for i in range(30)), ["one"]),
        ("id,text,label\n1,a,x\n1,b,y\n", ["line 3"]),
        ("text,labell\na,x\n", ["label"]),
        ("text,label\na,x,y\n", ["line 2"]),
        ("text,label\n,x\n", ["line 2"]),
    ],
)
def test_bad_label_tables(leitai, tmp_path, table, words):
    (tmp_path / "d.csv").write_text(table)
    data = "{path: d.csv, format: labels, split: {validation: 0.2, test: 0.2}}"
    (tmp_path / "s.yaml").write_text(SPEC.replace("DATA", data))
    check(leitai("compare", tmp_path / "s.yaml", "--out", tmp_path / "run"), "d.csv", *words)


def test_a_label_outside_the_list(leitai, tmp_path):
    (tmp_path / "d.csv").write_text("text,label\nhello,x\nthere,z\nyou,y\n")
    data = "{path: d.csv, format: labels, labels: [x, y], split: {validation: 0.3, test: 0.3}}"
    (tmp_path / "s.yaml").write_text(SPEC.replace("DATA", data))
    check(leitai("compare", tmp_path / "s.yaml", "--out", tmp_path / "run"), "line 3", "z")


def test_missing_spec_and_missing_data(leitai, tmp_path):
    check(leitai("compare", tmp_path / "no.yaml"), "no.yaml")
    (tmp_path / "s.yaml").write_text(SPEC.replace("DATA", "{set: banking77}"))
    run = ("compare", tmp_path / "s.yaml", "--out", tmp_path / "run")
    check(leitai(*run, "--data-root", tmp_path), "leitai data get banking77")


def test_an_unknown_data_set_names_the_nearest(leitai, tmp_path):
    (tmp_path / "s.yaml").write_text(SPEC.replace("DATA", "{set: bookshopp}"))
    check(leitai("compare", tmp_path / "s.yaml", "--out", tmp_path / "run"), "bookshop")


def test_a_model_too_large_for_the_memory(leitai, broken, monkeypatch):
    monkeypatch.setattr("leitai.models.checkpoint.available_bytes", lambda: 1 << 20)
    check(leitai("generate", "--model", broken, "--prompt", "a"), "memory")


def test_a_run_named_twice(leitai, tmp_path):
    check(leitai("report", tmp_path, f"{tmp_path}/."), "named twice", str(tmp_path))
