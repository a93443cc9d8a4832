"""Published shapes against the published figures, and the small shapes for training."""

import pytest
import torch

from leitai.base import LeitaiError
from leitai.models import (
    PRESETS,
    SCRATCH_PRESETS,
    Decoder,
    ModelConfig,
    init_decoder,
    parameter_count,
    preset,
    scratch_config,
)

# Sources: the models' cards and their safetensors indices.
PUBLISHED = {
    "Qwen2-0.5B": 494_032_768,
    "Qwen2-1.5B": 1_543_714_304,
    "Qwen2-7B": 7_615_616_512,
    "Qwen2-72B": 72_706_203_648,
    "Qwen2.5-0.5B": 494_032_768,
    "Qwen2.5-1.5B": 1_543_714_304,
    "Qwen2.5-3B": 3_085_938_688,
    "Qwen2.5-7B": 7_615_616_512,
    "Qwen2.5-14B": 14_770_033_664,
    "Qwen2.5-32B": 32_763_876_352,
    "Qwen2.5-72B": 72_706_203_648,
    "Qwen3-0.6B": 596_049_920,
    "Qwen3-1.7B": 1_720_574_976,
    "Qwen3-4B": 4_022_468_096,
    "Qwen3-8B": 8_190_735_360,
    "Qwen3-14B": 14_768_307_200,
    "Qwen3-32B": 32_762_123_264,
    "Llama-3-8B": 8_030_261_248,
    "Llama-3-70B": 70_553_706_496,
    "Llama-3.1-8B": 8_030_261_248,
    "Llama-3.1-70B": 70_553_706_496,
    "Llama-3.1-405B": 405_853_388_800,
    "Llama-3.2-1B": 1_235_814_400,
    "Llama-3.2-3B": 3_212_749_824,
    "Llama-3.3-70B": 70_553_706_496,
}


@pytest.mark.parametrize("name", PRESETS)
def test_parameter_counts_are_the_published_ones(name):
    assert parameter_count(preset(name)) == PUBLISHED[name]
    with torch.device("meta"):
        decoder = Decoder(preset(name))
    assert sum(p.numel() for p in decoder.parameters()) == PUBLISHED[name]


@pytest.mark.parametrize("name", [*PRESETS, *SCRATCH_PRESETS])
def test_presets_survive_config_json(name):
    config = preset(name) if name in PRESETS else scratch_config(name, 2048)
    assert ModelConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize("name", SCRATCH_PRESETS)
def test_scratch_presets_have_the_size_they_promise(name):
    config = scratch_config(name, 2048, bos_token_id=3, eos_token_ids=(4, 5))
    count = parameter_count(config, embedding=False)
    low, high = (800_000, 1_200_000) if name.endswith("nano") else (6_000_000, 8_000_000)
    assert low < count < high
    assert parameter_count(config) == sum(p.numel() for p in init_decoder(config, 0).parameters())
    assert config.tie_word_embeddings
    assert config.num_key_value_heads < config.num_attention_heads
    assert (config.bos_token_id, config.eos_token_ids) == (3, (4, 5))


@pytest.mark.parametrize("size", ["nano", "micro"])
def test_both_sides_of_a_scratch_duel_are_equally_large(size):
    counts = [
        parameter_count(scratch_config(name, 4096), embedding=False)
        for name in SCRATCH_PRESETS
        if name.endswith(size)
    ]
    assert len(counts) >= 2
    assert max(counts) / min(counts) < 1.01


def test_an_unknown_preset_gets_the_nearest_name():
    with pytest.raises(LeitaiError, match="qwen3-nano"):
        scratch_config("qwen3-nanoo", 100)
    with pytest.raises(LeitaiError, match=r"Llama-3\.2-1B"):
        preset("Llama-3.2-1b")
    with pytest.raises(LeitaiError, match="choose one of"):
        preset("zzz")
