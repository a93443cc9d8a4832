"""Nano checkpoints of every family with tokenizers of their own, on disk."""

from dataclasses import replace

import pytest
import torch

from leitai.data import bookshop
from leitai.models import RopeScaling, load_decoder, save_decoder
from leitai.training.scratch import create_scratch

PRESETS = ("qwen2-nano", "qwen3-nano", "llama3-nano")
# Scaling that shows within a hundred tokens, where Llama 3.1's own needs thousands.
SCALED = "llama3-nano scaled"


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """Folders by name; norms and biases are away from 1 and 0, so that a mistake in them shows."""
    root = tmp_path_factory.mktemp("checkpoints")
    texts = [str(m["content"]) for row in bookshop.rows("replies")[:300] for m in row.messages]
    found = {}
    for number, name in enumerate((*PRESETS, SCALED)):
        folder = root / f"nano-{number}"
        create_scratch(name.split()[0], texts, folder, vocab_size=700, seed=number)
        decoder = load_decoder(folder)
        generator = torch.Generator().manual_seed(number)
        with torch.no_grad():
            for parameter in decoder.parameters():
                if parameter.dim() == 1:
                    parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        if name == SCALED:
            scaling = RopeScaling(8.0, 1.0, 4.0, 32)
            decoder.config = replace(decoder.config, rope_scaling=scaling)
        save_decoder(decoder, folder)
        found[name] = folder
    return found


@pytest.fixture(params=(*PRESETS, SCALED))
def checkpoint(request, checkpoints):
    return checkpoints[request.param]
