"""Native kernels for what torch's operations do slowly on a CPU, each with its formula in torch.

Importing a name here imports torch.
"""

from leitai.kernels.build import library, status
from leitai.kernels.cross_entropy import softmax_slope
from leitai.kernels.elementwise import rms_norm, rotate, silu_mul

__all__ = ["library", "rms_norm", "rotate", "silu_mul", "softmax_slope", "status"]
