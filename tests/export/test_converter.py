"""The tensors and keys of our files are those of llama.cpp's own converter, byte for byte.

Set LLAMA_CPP_SOURCE to a folder with llama.cpp's sources; the converter is in no package.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from leitai.export import export_model, find_source

gguf = pytest.importorskip("gguf", reason="gguf is not installed")

# The other general keys are guesses of the converter from names of folders.
GENERAL = {"architecture", "type", "file_type", "quantization_version"}
# What we state and the converter leaves for the reader to infer.
INFERRED = {"eot_token_id", "add_bos_token", "add_space_prefix"}
INFERRED |= {"key_length", "value_length", "dimension_count", "vocab_size"}


# The converter knows pre-tokenisers by what published vocabularies make of a text: here it is told.
CONVERT = """
import sys
from pathlib import Path
import conversion, gguf
from conversion.base import ModelBase, TextModel
folder, out, file_type, pre = sys.argv[1:]
TextModel.get_vocab_base_pre = lambda self, tokenizer: pre
name = ModelBase.load_hparams(Path(folder), False)["architectures"][0]
chosen = conversion.get_model_class(name)
chosen.set_vocab = TextModel._set_vocab_gpt2  # what is left where there is no tokenizer.model
chosen(Path(folder), gguf.LlamaFileType[file_type], Path(out)).write()
"""


def convert(*words: object) -> None:
    """Run it in a process of its own: it brings its own version of gguf."""
    source = os.environ.get("LLAMA_CPP_SOURCE")
    if not source:
        pytest.skip("LLAMA_CPP_SOURCE names no folder with llama.cpp's sources")
    paths = os.pathsep.join((source, f"{source}/gguf-py"))
    command = [sys.executable, "-c", CONVERT, *map(str, words)]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"PYTHONPATH": paths})


def contents(path):
    reader = gguf.GGUFReader(path)
    fields = {key: field.contents() for key, field in reader.fields.items()}
    return fields, {tensor.name: tensor for tensor in reader.tensors}


def stated(fields):
    """Return the keys that say something of the model."""
    return {
        key
        for key in fields
        if not key.startswith(("GGUF.", "general.")) or key.removeprefix("general.") in GENERAL
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format_name", "file_type"),
    [("f32", "ALL_F32"), ("f16", "MOSTLY_F16"), ("bf16", "MOSTLY_BF16"), ("q8_0", "MOSTLY_Q8_0")],
)
def test_equals_the_converter(checkpoint, tmp_path, format_name, file_type):
    ours = export_model(
        find_source(str(checkpoint)), tmp_path / "ours", to="gguf", format_name=format_name
    )
    fields, tensors = contents(ours)
    convert(checkpoint, tmp_path / "theirs.gguf", file_type, fields["tokenizer.ggml.pre"])
    their_fields, their_tensors = contents(tmp_path / "theirs.gguf")
    assert tensors.keys() == their_tensors.keys()
    for name, tensor in tensors.items():
        theirs = their_tensors[name]
        assert tensor.tensor_type == theirs.tensor_type
        assert tensor.shape.tolist() == theirs.shape.tolist()
        if name == "rope_freqs.weight":  # a quotient of two float32 numbers here
            np.testing.assert_allclose(tensor.data, theirs.data, rtol=1e-6)
        else:
            np.testing.assert_array_equal(tensor.data, theirs.data)
    own, other = stated(fields), stated(their_fields)
    assert other - own <= {"tokenizer.ggml.add_space_prefix"}
    assert {key.rpartition(".")[2] for key in own - other} <= INFERRED
    for key in own & other:
        assert fields[key] == their_fields[key], key
