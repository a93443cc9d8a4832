"""Scratch models, and training from a spec file."""

import json

import pytest
import torch

from leitai.adapters import count_trainable, load_adapter
from leitai.base import LeitaiError
from leitai.base.specfile import load_spec
from leitai.models import SCRATCH_PRESETS, load_decoder, read_config
from leitai.text import Chat, Tokenizer
from leitai.training import create_scratch
from leitai.training.job import TrainJob, run_train_job

SPEC = """
name: tiny
model: {model}
data:
  - path: rows.jsonl
    split: {{validation: 0.2, test: 0.1}}
adapt:
  method: {{name: {method}}}
  epochs: 2
  batch_rows: 8
  learning_rate: 1e-3
vocab_size: 320
"""


@pytest.fixture
def spec(tmp_path, rows):
    with (tmp_path / "rows.jsonl").open("w") as file:
        for row in rows(60):
            file.write(json.dumps({"messages": row.messages}) + "\n")

    def write(model="scratch:qwen3-nano", method="full"):
        (tmp_path / "spec.yaml").write_text(SPEC.format(model=model, method=method))
        return tmp_path / "spec.yaml"

    return write


def texts(rows):
    return [str(message["content"]) for row in rows(60) for message in row.messages]


@pytest.mark.parametrize("preset", ["qwen3-nano", "llama3-nano"])
def test_a_scratch_model_is_whole_and_the_same_each_time(preset, rows, tmp_path):
    transformers = pytest.importorskip("transformers")
    for name in ("a", "b"):
        create_scratch(preset, texts(rows), tmp_path / name, vocab_size=330, seed=3)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "b").iterdir())
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    create_scratch(preset, texts(rows), tmp_path / "b", vocab_size=330, seed=4)
    weights = [(tmp_path / n / "model.safetensors").read_bytes() for n in "ab"]
    assert weights[0] != weights[1]
    config, tokenizer = read_config(tmp_path / "a"), Tokenizer.from_folder(tmp_path / "a")
    assert config.vocab_size == tokenizer.vocab_size <= 330
    chat = Chat.from_folder(tmp_path / "a", tokenizer)
    assert set(config.eos_token_ids) == set(chat.stop_ids)
    ids = chat.encode_prompt(rows(1)[0].messages[:1])
    assert tokenizer.encode("user") == [tokenizer.token_id("user") or tokenizer.encode("user")[0]]
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "a", dtype=torch.float32)
    ours = load_decoder(tmp_path / "a")
    with torch.no_grad():
        logits = ours.logits(ours(torch.tensor([ids])))
        torch.testing.assert_close(logits, theirs(torch.tensor([ids])).logits, rtol=1e-4, atol=1e-4)


def test_an_unknown_preset_names_the_nearest(tmp_path):
    assert "qwen3-nano" in SCRATCH_PRESETS
    with pytest.raises(LeitaiError, match="qwen3-nano"):
        create_scratch("qwen3-nanno", ["a"], tmp_path / "x", vocab_size=400, seed=0)
    assert not (tmp_path / "x").exists()


def test_a_job_from_scratch_then_lora_on_its_model(spec, tmp_path):
    result = run_train_job(spec(), tmp_path / "first")
    assert result.train_rows + result.valid_rows < 60
    assert (tmp_path / "first" / "model" / "config.json").is_file()
    adapted = run_train_job(
        spec(model="first/model", method="lora"), tmp_path / "second", overrides=["adapt.epochs=1"]
    )
    assert (adapted.output.name, adapted.epochs) == ("adapter", 1.0)
    assert run_train_job(spec(), tmp_path / "first", resume=True) == result


@pytest.mark.parametrize(
    ("method", "dtype"),
    [("dora", "float32"), ("adalora", "bfloat16"), ("ia3", "float32"), ("lora", "nf4")],
)
def test_a_spec_names_its_method(spec, tmp_path, method, dtype):
    model = run_train_job(spec(), tmp_path / "first", overrides=["adapt.max_steps=1"]).output
    settings = ["adapt.max_steps=2", f"dtype={dtype}"]
    path = spec(model=model, method=method)
    result = run_train_job(path, tmp_path / "second", overrides=settings)
    load_adapter(load_decoder(model), result.output, model)
    job = load_spec(path, TrainJob, settings)
    assert count_trainable(read_config(model), job.adapt.method) == result.trainable_parameters


def test_a_folder_with_a_run_is_not_overwritten(spec, tmp_path):
    run_train_job(spec(), tmp_path / "run", overrides=["adapt.max_steps=1"])
    with pytest.raises(LeitaiError, match="holds a run already; add --resume"):
        run_train_job(spec(), tmp_path / "run")
    with pytest.raises(LeitaiError, match=r"adapt\.max_steps was 1, is now None"):
        run_train_job(spec(), tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("adapt.lerning_rate=1", "did you mean 'learning_rate'"),
        ("adapt.method.name=lora", "starts from random weights; use adapt.method.name full"),
        ("adapt.method.rank=4", "unknown key; known keys"),  # the rate's default is no second one
        ("adapt.epochs=0", "greater than or equal to 1, found 0"),
        ("data.0.path=none.jsonl", "none.jsonl"),
        ("model=no/such/model/here", "no/such/model/here"),
        ("vocab_size=299", "greater than or equal to 300, found 299"),
        ("data.0.split={validation: 0.5, test: 0.5}", "no rows in its train split"),
    ],
)
def test_mistakes_are_named(spec, tmp_path, override, message):
    with pytest.raises(LeitaiError, match=message):
        run_train_job(spec(), tmp_path / "run", overrides=[override])
    assert not (tmp_path / "run" / "result.json").exists()


def test_a_job_is_stopped_by_what_the_model_writes_and_shows_it(spec, tmp_path):
    from leitai.evaluation.validation import METRICS, write

    result = run_train_job(
        spec(),
        tmp_path / "run",
        overrides=["adapt.validation={metric: chrf, rows: 4}", "samples=2", "track=[]"],
        metrics=METRICS,
        write=write,
    )
    assert 0 <= result.best_score <= 1
    shown = (tmp_path / "run/samples.jsonl").read_text("utf-8").splitlines()
    assert len(shown) == 2 and len(json.loads(shown[0])["samples"]) == 2
    assert (
        run_train_job(
            spec(),
            tmp_path / "run",
            resume=True,
            overrides=["adapt.validation={metric: chrf, rows: 4}"],
            metrics=METRICS,
        )
        == result
    )
    assert not (tmp_path / "run/tensorboard").exists()
