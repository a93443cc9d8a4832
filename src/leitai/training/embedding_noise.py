"""Noise on the embeddings while training: NEFTune (Jain et al., arXiv 2310.05914)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from leitai.models import Decoder


@contextmanager
def embedding_noise(decoder: Decoder, alpha: float, lengths: Tensor) -> Iterator[None]:
    """Add noise to the embeddings of the passes in the block.

    Each number of a token gets uniform noise between -m and m, m = alpha / sqrt(L D), with L the
    tokens of its row and D the size of the model.

    Args:
        decoder: what is trained.
        alpha: of the paper, 5 to 15 there.
        lengths: L of each token of the packed row, [N].
    """

    def add(_module: nn.Module, _inputs: Any, embedded: Tensor) -> Tensor:
        size = alpha / torch.sqrt(lengths * embedded.shape[-1])
        noise = torch.zeros_like(embedded).uniform_(-1.0, 1.0)
        return embedded + noise * size[:, None].to(embedded.dtype)

    handle = decoder.model.embed_tokens.register_forward_hook(add)
    try:
        yield
    finally:
        handle.remove()
