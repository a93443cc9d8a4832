"""Random weights as the reference implementations draw them."""

import torch
from torch import nn

from leitai.models.config import ModelConfig
from leitai.models.decoder import Decoder


def init_decoder(
    config: ModelConfig,
    seed: int,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Decoder:
    """Make a decoder with random weights; the same seed gives the same bits.

    All matrices and the embedding come from a normal distribution of standard deviation
    `initializer_range`, residual projections included; biases are 0 and norms 1. That is what both
    families' published training code starts from. Numbers are drawn in fp32 on the CPU, so the
    device and dtype do not change the draw.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        decoder = Decoder(config)
    for name, parameter in list(decoder.named_parameters()):
        owner, _, leaf = name.rpartition(".")
        module = decoder.get_submodule(owner)
        shape = parameter.shape
        if isinstance(module, nn.Linear | nn.Embedding) and leaf == "weight":
            tensor = torch.empty(shape).normal_(0.0, config.initializer_range, generator=generator)
        else:
            tensor = torch.zeros(shape) if leaf == "bias" else torch.ones(shape)
        setattr(module, leaf, nn.Parameter(tensor.to(device, dtype)))
    return decoder
