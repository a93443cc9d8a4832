"""Weight-decomposed low-rank adaptation (Liu et al., "DoRA", arXiv 2402.09353)."""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear

from leitai.adapters.lora import LoRALinear, low_rank_update
from leitai.adapters.targets import plain_linear


class DoRALinear(LoRALinear):
    """A linear layer whose rows keep a direction and a trained length apart.

    With V = W + scaling * B A and |V| the lengths of its rows: y = (m / |V|) * (V x) + b. As the
    paper proposes (section 4.3), |V| is taken for a constant in the backward pass.

    Attributes:
        lora_magnitude_vector: m, [out], float32; |W| at the start, so that the model starts as the
            base.
    """

    additive = False

    def __init__(
        self,
        base: nn.Linear,
        rank: int,
        scaling: float,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(base, rank, scaling, dropout, generator)
        # As PEFT has it: in the base's own number format at the start.
        lengths = torch.linalg.norm(self.weight.detach(), dim=1).float()
        self.lora_magnitude_vector = nn.Parameter(lengths)
        self._kept: tuple[object, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., in] to [..., out] in the dtype of `x`."""
        factors = self.lora_A.weight, self.lora_B.weight
        flat = x.reshape(-1, self.in_features)
        if self.training and self.dropout:
            dropped = dropout(flat, self.dropout)
            update = linear(linear(dropped, factors[0].to(x.dtype)), factors[1].to(x.dtype))
            out = torch.add(linear(flat, self.weight), update, alpha=self.scaling)
        else:
            out = low_rank_update(flat, self.weight, None, *factors, self.scaling)
        out = out * self._scale().to(x.dtype)
        if self.bias is not None:
            out = out + self.bias
        return out.view(*x.shape[:-1], self.out_features)

    def _scale(self) -> Tensor:
        """Return m / |V|, [out]; in evaluation it is kept until a number changes."""
        if self.training or torch.is_grad_enabled():
            scale: Tensor = self.lora_magnitude_vector / self._lengths()
            return scale
        owned = (self.lora_A.weight, self.lora_B.weight, self.lora_magnitude_vector, self.weight)
        state = [(t.data_ptr(), 0 if t.is_inference() else t._version) for t in owned]
        if self._kept is None or self._kept[0] != state:
            self._kept = (state, self.lora_magnitude_vector / self._lengths())
        return self._kept[1]

    def train(self, mode: bool = True) -> Self:
        """Switch between training and evaluation, and compute the scale anew."""
        self._kept = None
        return super().train(mode)

    def _lengths(self) -> Tensor:
        """Return |V|, [out], float32, without gradients."""
        with torch.no_grad():
            rows = self.lora_B.weight @ self.lora_A.weight
            lengths: Tensor = rows.mul_(self.scaling).add_(self.weight).norm(dim=1)
            return lengths

    def merged(self) -> nn.Linear:
        """Return a plain linear layer of weight (m / |V|) V; see `LoRALinear.merged`."""
        with torch.no_grad():
            rows = self.lora_B.weight.double() @ self.lora_A.weight.double()
            rows.mul_(self.scaling).add_(self.weight)
            scale = self.lora_magnitude_vector.double() / torch.linalg.norm(rows, dim=1)
            self.weight.copy_(rows.mul_(scale[:, None]))
        return plain_linear(self)
