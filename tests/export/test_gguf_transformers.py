"""transformers reads our GGUF files, with its own mapping of names and rows, and agrees."""

import pytest
import torch

from leitai.export import export_model, find_source
from leitai.models import load_decoder

transformers = pytest.importorskip("transformers")
pytest.importorskip("gguf", reason="gguf is not installed")


@pytest.mark.parametrize(("format_name", "tolerance"), [("f32", 1e-5), ("q8_0", 5e-2)])
def test_transformers_reads_it(checkpoint, tmp_path, format_name, tolerance):
    file = export_model(
        find_source(str(checkpoint)), tmp_path / "out", to="gguf", format_name=format_name
    )
    # It does not read head_dim and rope_freqs.weight: the configuration is given.
    config = transformers.AutoConfig.from_pretrained(checkpoint)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, config=config, dtype=torch.float32
    ).eval()
    decoder = load_decoder(checkpoint)
    ids = torch.arange(60)[None] * 7 % decoder.config.vocab_size
    with torch.inference_mode():
        wanted, found = decoder.logits(decoder(ids)), model(ids).logits
    assert ((found - wanted).norm() / wanted.norm()).item() < tolerance
