"""Evidence at the published shapes: logits against transformers with random weights, in fp32."""

import logging

import pytest
import torch
from models_reference import randomise
from transformers import AutoConfig, AutoModelForCausalLM

from leitai.models import KeyValueCache, init_decoder, preset

CHUNK = 250
LOG = logging.getLogger(__name__)  # shown by --log-cli-level=INFO


@pytest.fixture
def pair(request):
    """Our decoder and transformers' model around the same tensors."""
    decoder = init_decoder(preset(request.param), 0).eval()
    randomise(decoder, 1)
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            if parameter.ndim == 2:
                parameter.mul_(0.02 / 0.15)  # the families' own initial scale
            elif name.endswith("bias"):
                parameter.mul_(3.0)
    values = decoder.config.to_dict()
    config = AutoConfig.for_model(values.pop("model_type"), **values)
    with torch.device("meta"):
        reference = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    reference.load_state_dict(dict(decoder.named_parameters()), strict=False, assign=True)
    reference.tie_weights()
    rotary = type(reference.model.rotary_emb)(config)  # its buffers are not in a state dict
    reference.model.rotary_emb = rotary
    assert not any(p.is_meta for p in [*reference.parameters(), *reference.buffers()])
    return decoder, reference.eval()


def differences(decoder, reference, ids):
    """Largest relative difference of logits over all positions, without and with a cache."""
    length = ids.shape[1]
    theirs = reference.model(ids).last_hidden_state[0]
    plain = decoder(ids)[0]
    cache = KeyValueCache(decoder.config, 1, capacity=length)
    # A long prompt, an uneven chunk and single steps, as in generation.
    cuts = sorted({max(1, length * 3 // 4), max(1, length - 3), max(1, length - 1), length})
    sizes = [b - a for a, b in zip([0, *cuts], cuts, strict=False)]
    cached = torch.cat([decoder(part, scope=cache)[0] for part in ids.split(sizes, 1)])
    scale, worst = 0.0, [0.0, 0.0]
    for rows in range(0, length, CHUNK):
        part = slice(rows, rows + CHUNK)
        expected = reference.lm_head(theirs[part])
        scale = max(scale, expected.abs().max().item())
        for i, ours in enumerate((plain, cached)):
            gap = (decoder.logits(ours[part]) - expected).abs().max().item()
            worst[i] = max(worst[i], gap)
    return worst[0] / scale, worst[1] / scale


@pytest.mark.parametrize(
    ("pair", "lengths"),
    [
        pytest.param("Qwen2.5-0.5B", (1, 17, 200), marks=pytest.mark.slow),
        pytest.param("Llama-3.2-1B", (1, 60), marks=pytest.mark.slow),
        pytest.param("Qwen2.5-0.5B", (512, 4000), marks=pytest.mark.evidence),
        pytest.param("Llama-3.2-1B", (512, 4000), marks=pytest.mark.evidence),
    ],
    indirect=["pair"],
)
@torch.no_grad()
def test_logits_at_full_shape(pair, lengths):
    decoder, reference = pair
    for length in lengths:
        generator = torch.Generator().manual_seed(length)
        ids = torch.randint(0, decoder.config.vocab_size, (1, length), generator=generator)
        plain, cached = differences(decoder, reference, ids)
        LOG.info(f"{length} tokens: {plain:.2e} without cache, {cached:.2e} with cache")
        assert max(plain, cached) < 1e-4
