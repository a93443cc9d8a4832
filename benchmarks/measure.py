"""What both sides measure with."""

import math
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_STRIDE_BYTES = 1024
_CHUNK_BYTES = 1 << 24


class Watch:
    """Wall-clock time of a block.

    Attributes:
        seconds: how long the block took.
    """

    def __enter__(self) -> "Watch":
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start


def checksum(parameters: "Iterable[Tensor]") -> float:
    """Add up one number of every kilobyte, so that no page of a mapped file stays unread.

    The order of the parameters does not matter.
    """
    return math.fsum(
        p.detach().view(-1)[:: _STRIDE_BYTES // p.element_size()].double().sum().item()
        for p in parameters
    )


def read_through(folder: Path) -> None:
    """Read the weights' files once, so that loading finds them in the system's page cache."""
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            while file.read(_CHUNK_BYTES):
                pass
