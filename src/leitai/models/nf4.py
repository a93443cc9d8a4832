"""Linear layers of 4-bit NormalFloat (Dettmers et al., "QLoRA", arXiv 2305.14314, section 3).

The 16 levels are quantiles of a normal distribution, the usual one of weights, scaled to -1 to 1.
Each block of 64 weights has its largest magnitude as its scale: 4.5 bits a weight. Doubly
quantised, the scales less their mean are 8-bit floats in blocks of 256: 4.13 bits a weight. The
layout is that of bitsandbytes: blocks run over the weight row after row, and the first weight of a
byte is its upper half.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

from leitai.models.quantized_linear import QuantizedLinear

NF4_LEVELS = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)
"""The levels by their code (the paper's appendix E)."""

BLOCK, SCALE_BLOCK = 64, 256
_LARGEST = torch.finfo(torch.float8_e4m3fn).max
# Numbers that are worked on at once: a few dozen megabytes. A multiple of BLOCK.
_TILE = 1 << 22


class NF4Linear(QuantizedLinear):
    """A linear layer of NF4 weights; they are dequantised whenever they are used.

    Attributes:
        data: two weights a byte, uint8 [ceil(out_features * in_features / 64) * 32].
        scales: bits of the blocks' scales, so that a change of the decoder's number format leaves
            them alone: int32 for float32, or uint8 for 8-bit floats.
        second: bits of float32, int32: the scales' mean and the scales of their blocks of 256; none
            if they are not quantised.
        bias: [out_features], or None.
    """

    second: Tensor

    def __init__(self, weight: Tensor, bias: Tensor | None = None, *, double: bool = False) -> None:
        """Quantise `weight` [out_features, in_features]; tile by tile, so that memory stays low.

        Args:
            weight: the weights.
            bias: [out_features].
            double: whether the scales are quantised too.
        """
        nn.Module.__init__(self)
        self.out_features, self.in_features = weight.shape
        self.bits, self.double_quantized = 4, double
        flat = weight.detach().flatten()
        tiles = [pack(tile) for tile in torch.split(flat, _TILE)]
        self.register_buffer("data", torch.cat([data for data, _ in tiles]))
        scales = torch.cat([scale for _, scale in tiles])
        second = scales.new_empty(0)
        if double:
            scales, second = _pack_scales(scales)
        self.register_buffer("scales", scales if double else scales.view(torch.int32))
        self.register_buffer("second", second.view(torch.int32))
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)

    def block_scales(self, blocks: slice) -> Tensor:
        """Return the scales of some blocks, float32."""
        if not self.double_quantized:
            return self.scales[blocks].view(torch.float32)
        second = self.second.view(torch.float32)
        place = torch.arange(blocks.start, blocks.stop, device=second.device)
        narrow = self.scales[blocks].view(torch.float8_e4m3fn).float()
        found: Tensor = narrow * second[1 + place // SCALE_BLOCK] + second[0]
        return found

    def _rows(self, rows: range, dtype: torch.dtype) -> Tensor:
        first, last = rows.start * self.in_features, rows.stop * self.in_features
        out = torch.empty(last - first, dtype=dtype, device=self.data.device)
        start = first - first % BLOCK
        for low in range(start, last, _TILE):
            high = min(low + _TILE, last)
            blocks = slice(low // BLOCK, -(-high // BLOCK))
            data = self.data[blocks.start * BLOCK // 2 : blocks.stop * BLOCK // 2]
            found = unpack(data, self.block_scales(blocks))
            begin = max(low, first)
            out[begin - first : high - first] = found[begin - low : high - low]
        return out.view(len(rows), self.in_features)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., in_features] to [..., out_features]."""
        return linear(x, self.dequantized(x.dtype), self.bias)


def pack(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Quantise weights [N] to the nearest level.

    Returns:
        Two weights a byte, uint8 [ceil(N / 64) * 32], and the blocks' scales, float32
        [ceil(N / 64)].
    """
    blocks = pad(weight.float(), (0, -len(weight) % BLOCK)).view(-1, BLOCK)
    scales = blocks.abs().amax(dim=1)
    levels = torch.tensor(NF4_LEVELS, device=weight.device)
    within = blocks / torch.where(scales == 0, 1.0, scales)[:, None]
    codes = torch.bucketize(within, (levels[1:] + levels[:-1]) / 2).to(torch.uint8).view(-1, 2)
    return codes[:, 0] << 4 | codes[:, 1], scales


def unpack(data: Tensor, scales: Tensor) -> Tensor:
    """Return the weights of whole blocks, float32 [blocks * 64]."""
    levels = torch.tensor(NF4_LEVELS, device=data.device)
    codes = torch.stack((data >> 4, data & 15), dim=-1).view(-1, BLOCK)
    return (levels[codes.int()] * scales[:, None]).flatten()


def _pack_scales(scales: Tensor) -> tuple[Tensor, Tensor]:
    """Quantise scales [B]: bits of 8-bit floats, uint8 [B], and their mean and blocks' scales."""
    mean = scales.mean()
    blocks = pad(scales - mean, (0, -len(scales) % SCALE_BLOCK)).view(-1, SCALE_BLOCK)
    largest = blocks.abs().amax(dim=1) / _LARGEST
    narrow = (blocks / torch.where(largest == 0, 1.0, largest)[:, None]).to(torch.float8_e4m3fn)
    bits = narrow.view(torch.uint8).flatten()[: len(scales)]
    return bits, torch.cat((mean[None], largest))
