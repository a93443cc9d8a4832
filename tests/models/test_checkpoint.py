"""Checkpoint folders in and out, and the ways in which they are broken."""

import json
import struct

import pytest
import torch
from models_reference import TINY, relative_difference, save_reference
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from leitai.base import LeitaiError
from leitai.models import (
    ModelConfig,
    checkpoint,
    init_decoder,
    load_decoder,
    safetensors,
    save_decoder,
)

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


@pytest.fixture
def config(request):
    return ModelConfig.from_dict(TINY[getattr(request, "param", "qwen2-untied")])


@pytest.fixture
def folder(config, tmp_path):
    save_decoder(init_decoder(config, 3), tmp_path)
    return tmp_path


def stored(folder):
    tensors = {}
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            tensors |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return tensors


def rewrite(folder, change):
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("shard_bytes", [1 << 30, 40_000])
@pytest.mark.parametrize("name", list(TINY))
def test_save_load_save_gives_identical_files(name, shard_bytes, dtype, tmp_path):
    decoder = init_decoder(ModelConfig.from_dict(TINY[name]), 5)
    first, second = tmp_path / "first", tmp_path / "second"
    save_decoder(decoder, first, dtype=dtype, shard_bytes=shard_bytes)
    loaded = load_decoder(first, dtype="auto")
    assert loaded.dtype == getattr(torch, dtype)
    save_decoder(loaded, second, shard_bytes=shard_bytes)
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names)
    assert (len(names) > 2) == (shard_bytes == 40_000)
    for key, tensor in decoder.state_dict().items():
        assert torch.equal(stored(first)[key], tensor.to(getattr(torch, dtype)))


@pytest.mark.parametrize("shard_bytes", [1 << 30, 40_000])
@pytest.mark.parametrize("name", list(TINY))
def test_transformers_loads_what_we_save(name, shard_bytes, tmp_path):
    decoder = init_decoder(ModelConfig.from_dict(TINY[name]), 5)
    save_decoder(decoder, tmp_path, shard_bytes=shard_bytes)
    reference, report = AutoModelForCausalLM.from_pretrained(
        tmp_path, dtype=torch.float32, output_loading_info=True
    )
    assert not any(report.values())
    ids = torch.randint(0, 307, (1, 200))
    with torch.no_grad():
        ours, theirs = decoder.logits(decoder(ids)), reference(ids).logits
    assert relative_difference(ours, theirs) < 1e-4


def test_a_shard_is_never_larger_than_asked_unless_one_tensor_is(tmp_path, config):
    save_decoder(init_decoder(config, 0), tmp_path, shard_bytes=40_000)
    for path in tmp_path.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            sizes = [file.get_tensor(key).nbytes for key in file.keys()]  # noqa: SIM118
        assert sum(sizes) <= 40_000 or len(sizes) == 1


def test_a_new_save_leaves_no_weights_of_the_old_one(tmp_path, config):
    save_decoder(init_decoder(config, 0), tmp_path, shard_bytes=40_000)
    (tmp_path / "tokenizer.json").write_text("{}")
    save_decoder(init_decoder(config, 1), tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"config.json", WEIGHTS, "tokenizer.json"}
    save_decoder(init_decoder(config, 2), tmp_path, shard_bytes=40_000)
    assert not (tmp_path / WEIGHTS).exists()
    again = load_decoder(tmp_path)
    expected = init_decoder(config, 2).state_dict()
    assert all(torch.equal(a, expected[k]) for k, a in again.state_dict().items())


@pytest.mark.parametrize("config", ["qwen3-tied", "llama3.2"], indirect=True)
class TestTied:
    def test_the_head_is_not_stored_and_stays_tied(self, folder):
        assert "lm_head.weight" not in stored(folder)
        decoder = load_decoder(folder)
        ids = torch.tensor([[1, 2, 3]])
        before = decoder.logits(decoder(ids))
        with torch.no_grad():
            decoder.model.embed_tokens.weight[7] *= 2
        after = decoder.logits(decoder(ids))
        torch.testing.assert_close(after[..., 7], 2 * before[..., 7])

    def test_an_equal_stored_head_is_tolerated(self, folder):
        expected = load_decoder(folder).state_dict()
        rewrite(folder, lambda t: t.update({"lm_head.weight": t[checkpoint.EMBEDDING].clone()}))
        loaded = load_decoder(folder).state_dict()
        assert loaded.keys() == expected.keys()

    def test_another_stored_head_is_refused(self, folder):
        rewrite(folder, lambda t: t.update({"lm_head.weight": t[checkpoint.EMBEDDING] + 1}))
        with pytest.raises(LeitaiError, match=r"lm_head.weight differs"):
            load_decoder(folder)


def test_missing_surplus_and_misshaped_tensors_come_in_one_error(folder):
    def change(tensors):
        del tensors["model.layers.1.mlp.up_proj.weight"]
        del tensors["model.norm.weight"]
        tensors["model.layers.9.mlp.up_proj.weight"] = torch.zeros(2)
        tensors["model.layers.0.self_attn.q_proj.bias"] = torch.zeros(7)
        tensors["lm_head.weight"] = tensors["lm_head.weight"].to(torch.int32)

    rewrite(folder, change)
    with pytest.raises(LeitaiError) as caught:
        load_decoder(folder)
    line = str(caught.value)
    assert "missing: model.layers.1.mlp.up_proj.weight, model.norm.weight" in line
    assert "surplus: model.layers.9.mlp.up_proj.weight" in line
    assert "model.layers.0.self_attn.q_proj.bias (expected [48], found [7])" in line
    assert "lm_head.weight (I32)" in line


def test_an_untied_model_without_a_head_is_refused(folder):
    rewrite(folder, lambda t: t.pop("lm_head.weight"))
    with pytest.raises(LeitaiError, match=r"missing: lm_head.weight"):
        load_decoder(folder)


def test_old_llama_files_with_stored_frequencies_load(folder):
    name = "model.layers.0.self_attn.rotary_emb.inv_freq"
    rewrite(folder, lambda t: t.update({name: torch.ones(6)}))
    assert name not in load_decoder(folder).state_dict()


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 100, 3000, -1])
def test_truncated_weights_are_refused(folder, keep):
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[:keep])
    with pytest.raises(LeitaiError) as caught:
        load_decoder(folder)
    assert WEIGHTS in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 this is a zip, as pickle checkpoints are" * 10,
        b"\x80\x02}q\x00." * 40,
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        struct.pack("<Q", 1 << 62) + b"{}",
        struct.pack("<Q", 4) + b"nope",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 9) + b'{"a": 17}',
        struct.pack("<Q", 20_000) + b"[" * 20_000,
    ],
)
def test_other_files_are_refused_as_not_safetensors(folder, data):
    (folder / WEIGHTS).write_bytes(data)
    with pytest.raises(LeitaiError, match="not a safetensors file"):
        load_decoder(folder)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [3], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 8]},
        {"dtype": 3, "shape": [1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]},
        {"shape": [1], "data_offsets": [0, 4]},
    ],
)
def test_inconsistent_headers_are_refused(folder, entry):
    text = json.dumps({"x": entry}).encode()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text + bytes(64))
    with pytest.raises(LeitaiError, match=r"not a safetensors file.*'x'"):
        load_decoder(folder)


class TestIndex:
    @pytest.fixture
    def sharded(self, config, tmp_path):
        save_decoder(init_decoder(config, 3), tmp_path, shard_bytes=40_000)
        return tmp_path

    def change(self, folder, change):
        index = json.loads((folder / INDEX).read_text())
        change(index)
        (folder / INDEX).write_text(json.dumps(index))

    @pytest.mark.parametrize(
        "name",
        ["../model.safetensors", "/etc/passwd", "sub/x.safetensors", "..\\x.safetensors", "x.bin"],
    )
    def test_a_name_that_leads_elsewhere_is_refused(self, sharded, name):
        self.change(sharded, lambda i: i["weight_map"].update({"model.norm.weight": name}))
        with pytest.raises(LeitaiError, match="plain name"):
            load_decoder(sharded)

    def test_an_absent_shard_is_named(self, sharded):
        gone = sorted(sharded.glob("*.safetensors"))[1]
        gone.unlink()
        with pytest.raises(LeitaiError, match=gone.name):
            load_decoder(sharded)

    def test_a_tensor_that_its_shard_lacks_is_named(self, sharded):
        name = sorted(sharded.glob("*.safetensors"))[0].name
        self.change(sharded, lambda i: i["weight_map"].update({"model.extra": name}))
        with pytest.raises(LeitaiError, match=r"model\.extra"):
            load_decoder(sharded)

    @pytest.mark.parametrize("text", ["{}", "[]", '{"weight_map": {}}', "{", '{"weight_map": 3}'])
    def test_a_broken_index_is_refused(self, sharded, text):
        (sharded / INDEX).write_text(text)
        with pytest.raises(LeitaiError, match=r"index\.json"):
            load_decoder(sharded)


def test_a_folder_without_config_or_weights_says_so(tmp_path, config):
    with pytest.raises(LeitaiError, match=r"no config\.json"):
        load_decoder(tmp_path)
    with pytest.raises(LeitaiError, match="no such folder"):
        load_decoder(tmp_path / "absent")
    save_decoder(init_decoder(config, 0), tmp_path)
    (tmp_path / WEIGHTS).rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(LeitaiError, match="pickle formats are not read"):
        load_decoder(tmp_path)


def test_a_config_that_is_not_json_is_named(folder):
    (folder / "config.json").write_text('{"model_type": "qwen2",')
    with pytest.raises(LeitaiError, match=r"config\.json, line 1"):
        load_decoder(folder)


def test_a_model_too_large_for_the_memory_is_refused_before_loading(folder, monkeypatch):
    monkeypatch.setattr(checkpoint, "available_bytes", lambda: 70 << 20)
    assert load_decoder(folder) is not None  # weights of a few 100 kB and the working space fit
    monkeypatch.setattr(checkpoint, "available_bytes", lambda: 64 << 20)
    monkeypatch.setattr(safetensors, "Reader", lambda _: pytest.fail("loading began"))
    with pytest.raises(LeitaiError, match=r"needs .* GiB as bfloat16, but .* GiB of cpu"):
        load_decoder(folder, dtype="bfloat16")


@pytest.mark.parametrize("dtype", ["int3", "float64", torch.float64, "x"])
def test_other_number_formats_are_refused(folder, dtype):
    with pytest.raises(LeitaiError, match="is not supported"):
        load_decoder(folder, dtype=dtype)


def test_the_reference_saved_in_shards_loads(tmp_path):
    reference = save_reference(TINY["llama3"], tmp_path / "whole")
    reference.save_pretrained(tmp_path / "shards", max_shard_size="40KB")
    assert (tmp_path / "shards" / INDEX).exists()
    loaded = load_decoder(tmp_path / "shards").state_dict()
    assert all(torch.equal(p, loaded[name]) for name, p in reference.named_parameters())


def test_initialisation_is_the_references_and_deterministic():
    config = ModelConfig.from_dict(TINY["qwen2-untied"] | {"vocab_size": 5000})
    decoder = init_decoder(config, 11)
    again, other = init_decoder(config, 11).state_dict(), init_decoder(config, 12).state_dict()
    for name, tensor in decoder.state_dict().items():
        assert torch.equal(tensor, again[name])
        if "norm" in name:
            assert (tensor == 1).all()
        elif name.endswith("bias"):
            assert (tensor == 0).all()
        else:
            assert not torch.equal(tensor, other[name])
            assert tensor.std().item() == pytest.approx(0.02, rel=0.05)
            assert abs(tensor.mean().item()) < 0.002
