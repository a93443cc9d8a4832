"""Exports are checked by logits, and their cards tell the licence."""

import shutil

import pytest
import yaml

from leitai.base import LeitaiError
from leitai.export import export, export_model, find_source, read_gguf
from leitai.text import Tokenizer


def test_changed_logits_are_refused_and_nothing_is_left(checkpoints, tmp_path, monkeypatch):
    pytest.importorskip("gguf", reason="gguf is not installed")

    def damaged(*arguments, **options):
        decoder = read_gguf(*arguments, **options)
        decoder.model.layers[2].mlp.up_proj.weight[5:8] *= 3
        return decoder

    monkeypatch.setattr(export, "read_gguf", damaged)
    with pytest.raises(LeitaiError, match="change the logits"):
        export_model(
            find_source(str(checkpoints["qwen3-nano"])),
            tmp_path / "out",
            to="gguf",
            format_name="bf16",
        )
    assert list(tmp_path.iterdir()) == []


def test_the_licence_of_the_base_is_told(checkpoints, tmp_path):
    base = tmp_path / "models--Qwen--Tiny" / "snapshots" / "1"
    shutil.copytree(checkpoints["qwen2-nano"], base)
    (base / "README.md").write_text("---\nlicense: apache-2.0\n---\n", "utf-8")
    export_model(find_source(str(base)), tmp_path / "out", format_name="bf16")
    matter = yaml.safe_load((tmp_path / "out" / "README.md").read_text("utf-8").split("---\n")[1])
    assert matter["license"] == "apache-2.0" and matter["base_model"] == "Qwen/Tiny"
    assert Tokenizer.from_folder(tmp_path / "out").vocab_size > 0
