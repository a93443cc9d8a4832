"""A linear layer of 8 or 4 bits.

Decoding one token reads every weight once, so half the bytes are up to twice the speed. With the
native kernels a few tokens are multiplied with int8 activations, one scale a group; larger batches,
and machines without the kernels, multiply with the dequantised weights.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from leitai.kernels.matvec import GROUP, Matrix, describe, matvec, pack, takes, unpack

# Rows that are dequantised or quantised at once: a few megabytes of working memory.
_TILE = 4096


class QuantizedLinear(nn.Module):
    """A linear layer whose weights have 8 or 4 bits; for inference alone.

    Attributes:
        data, scales: the weights, in the form of `leitai.kernels.matvec.pack`.
        bias: [out_features], or None.
    """

    data: Tensor
    scales: Tensor

    def __init__(self, weight: Tensor, bits: int, bias: Tensor | None = None) -> None:
        """Quantise `weight` [out_features, in_features]; tile by tile, so that memory stays low."""
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.bits = bits
        tiles = [pack(tile, bits) for tile in torch.split(weight.detach(), _TILE)]
        self.register_buffer("data", torch.cat([data for data, _ in tiles]))
        self.register_buffer("scales", torch.cat([scales for _, scales in tiles]))
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)

    def matrix(self) -> Matrix:
        """Describe the weights to the native kernels."""
        return describe(
            self.out_features, self.in_features, self.bits, self.data, self.scales, self.bias
        )

    def dequantized(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the dequantised weights, [out_features, in_features]."""
        return self._rows(range(self.out_features), dtype)

    def _rows(self, rows: range, dtype: torch.dtype) -> Tensor:
        return unpack(self.data, self.scales, self.bits, self.in_features, rows, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., in_features] to [..., out_features]."""
        flat = x.reshape(-1, self.in_features)
        if takes(flat):
            return matvec(self.matrix(), flat.contiguous()).view(*x.shape[:-1], self.out_features)
        out = x.new_empty(len(flat), self.out_features)
        for start in range(0, self.out_features, _TILE):
            rows = range(start, min(start + _TILE, self.out_features))
            out[:, start : rows.stop] = linear(flat, self._rows(rows, x.dtype))
        if self.bias is not None:
            out += self.bias
        return out.view(*x.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        """Describe the module in `print(decoder)`."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}, bits={self.bits}, group={GROUP[self.bits]}"
        )
