"""Root-mean-square normalisation (Zhang and Sennrich, arXiv 1910.07467)."""

import torch
from torch import Tensor, nn

from leitai.kernels import rms_norm


class RMSNorm(nn.Module):
    """Divide by the root mean square over the last dimension, then multiply by a learned weight.

    The statistics are computed in fp32 whatever the dtype, and the result is cast back before the
    multiplication, as both families' reference implementations do.
    """

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x` [..., size]."""
        return rms_norm(x, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Describe the module in `print(decoder)`."""
        return f"{self.weight.numel()}, eps={self.eps}"
