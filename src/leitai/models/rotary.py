"""Rotary position embedding (Su et al., arXiv 2104.09864) with Llama 3.1's frequency scaling."""

import math

import torch
from torch import Tensor

from leitai.models.config import ModelConfig, RopeScaling


def inverse_frequencies(config: ModelConfig) -> Tensor:
    """Return the angle per position of each pair of a head's dimensions, [head_dim / 2], fp32.

    Computed in fp32 in the reference implementations' order of operations: at position 4,000 a last
    bit of difference here would be a visible angle.
    """
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    frequencies = 1.0 / (config.rope_theta**exponents)
    if config.rope_scaling is None:
        return frequencies
    return _scale_llama3(frequencies, config.rope_scaling)


def _scale_llama3(frequencies: Tensor, scaling: RopeScaling) -> Tensor:
    """Stretch slow rotations by `factor`, keep fast ones, blend linearly between the two.

    A rotation is slow when fewer than `low_freq_factor` turns fit into the original context, and
    fast when more than `high_freq_factor` do (Llama 3.1's published `apply_scaling`).
    """
    original = scaling.original_max_position_embeddings
    low, high = scaling.low_freq_factor, scaling.high_freq_factor
    wavelength = 2 * math.pi / frequencies
    slowed = frequencies / scaling.factor
    blend = (original / wavelength - low) / (high - low)
    blended = (1 - blend) * slowed + blend * frequencies
    scaled = torch.where(wavelength > original / low, slowed, frequencies)
    between = (wavelength <= original / low) & (wavelength >= original / high)
    return torch.where(between, blended, scaled)


class Rotary:
    """Cosines and sines of the angles at given positions.

    Not a module: frequencies stay fp32 whatever dtype the decoder is cast to, and nothing of them
    enters a checkpoint.
    """

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._frequencies: Tensor | None = None

    def __call__(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return (cos, sin) for `positions` [B, T], each [B, 1, T, head_dim], of `dtype`."""
        if self._frequencies is None or self._frequencies.device != positions.device:
            # A real tensor even while a decoder is being laid out on the meta device.
            with torch.device("cpu"):
                self._frequencies = inverse_frequencies(self._config)
            self._frequencies = self._frequencies.to(positions.device)
        half = positions[:, None, :, None].float() * self._frequencies
        angles = torch.cat((half, half), dim=-1)
        return angles.cos().to(dtype), angles.sin().to(dtype)
