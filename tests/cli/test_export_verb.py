"""`leitai export`: what a run, its adapter and a checkpoint become, and what is refused."""

import json

import pytest
import torch
import yaml

from leitai.models import load_decoder

SPEC = """
name: nano
model: scratch:qwen3-nano
vocab_size: 500
data: [{set: bookshop, view: intents, limit: 24}]
adapt: {method: {name: full}, epochs: 1}
"""


def front_matter(path):
    return yaml.safe_load(path.read_text("utf-8").split("---\n")[1])


def test_a_run_and_its_adapter_become_files(leitai, tmp_path):
    spec, run = tmp_path / "spec.yaml", tmp_path / "run"
    spec.write_text(SPEC, "utf-8")
    assert leitai("train", spec, "--out", run)[0] == 0
    card = (run / "model" / "README.md").read_text("utf-8")
    result = json.loads((run / "result.json").read_text("utf-8"))["result"]
    assert "bookshop (intents)" in card and "scratch:qwen3-nano" in card and "训练：full" in card
    assert f"{result['steps']:,} steps" in card and f"{result['trainable_parameters']:,}" in card

    tuned = tmp_path / "tuned"
    options = [f"model={run / 'model'}", "adapt.method.name=lora", "name=tuned"]
    words = [word for option in options for word in ("--set", option)]
    assert leitai("train", spec, "--out", tuned, *words)[0] == 0
    assert front_matter(tuned / "adapter" / "README.md")["library_name"] == "peft"

    code, said, _ = leitai("export", tuned, "--out", tmp_path / "hf")
    assert code == 0 and "hf" in said
    merged = load_decoder(tmp_path / "hf")
    matter = front_matter(tmp_path / "hf" / "README.md")
    assert matter["library_name"] == "transformers" and "lora" in matter["tags"]
    assert matter["language"] == ["en", "zh"]

    pytest.importorskip("gguf", reason="gguf is not installed")
    code, _, _ = leitai("export", tuned, "--to", "gguf", "--type", "f32", "--out", tmp_path / "gg")
    assert code == 0
    from leitai.export import read_gguf

    again = read_gguf(tmp_path / "gg" / "gg-F32.gguf")
    for name, parameter in merged.named_parameters():
        assert torch.equal(parameter, again.get_parameter(name))
    assert "llama-cli -m gg-F32.gguf" in (tmp_path / "gg" / "README.md").read_text("utf-8")


def test_refusals(leitai, model, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "precious").touch()
    code, _, said = leitai("export", model, "--out", full)
    assert code == 2 and "something here already" in said and (full / "precious").exists()
    code, _, said = leitai("export", model, "--type", "q8_0", "--out", tmp_path / "new")
    assert code == 2 and "q8_0 is not a number format of hf" in said
