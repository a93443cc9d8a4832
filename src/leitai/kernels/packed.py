"""Frozen weights in the layouts in which oneDNN multiplies fastest, one for each direction.

A plain weight is rearranged anew in every product. A frozen one never changes, so it can be
rearranged once, for x W^T on the way forwards and for g W on the way back. The products have the
same bits as with the plain weight.
"""

import torch
from torch import Tensor

_NEEDED = ("_reorder_linear_weight", "_linear_pointwise")


class PackedWeight:
    """A frozen weight [out, in], twice: prepared for each direction, and no longer plain."""

    def __init__(self, weight: Tensor, rows: int) -> None:
        """Prepare both layouts; `weight` itself is only read.

        Args:
            weight: [out, in]; see `takes`.
            rows: of the usual product; other numbers of rows work too.
        """
        self.shape = weight.shape
        self._forward = torch.ops.mkldnn._reorder_linear_weight(weight, rows)
        self._backward = torch.ops.mkldnn._reorder_linear_weight(weight.T.contiguous(), rows)

    @staticmethod
    def takes(weight: Tensor) -> bool:
        """Whether this weight gains by it: bfloat16 on a CPU whose torch has oneDNN's products."""
        return (
            weight.dtype == torch.bfloat16
            and weight.device.type == "cpu"
            and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
            and torch.ops.mkldnn._is_mkldnn_bf16_supported()
            and all(hasattr(torch.ops.mkldnn, name) for name in _NEEDED)
        )

    def product(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """Return x W^T + bias, [N, out], without gradients.

        Args:
            x: [N, in].
            bias: [out] or None.
        """
        return _multiply(x, self._forward, bias)

    def product_back(self, grad: Tensor) -> Tensor:
        """Return grad W, [N, in], without gradients.

        Args:
            grad: [N, out].
        """
        return _multiply(grad, self._backward, None)

    def plain(self) -> Tensor:
        """Return the weight as it was, [out, in]."""
        weight: Tensor = self._forward.to_dense()
        return weight


def _multiply(x: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    out: Tensor = torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")
    return out
