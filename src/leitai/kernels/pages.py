"""Weights in pages of 2 MB.

Reading weights one after another touches a new page of 4 KB every hundred nanoseconds. Looking its
address up, and restarting the processor's prefetcher, which stops at a page's end, costs a quarter
of the bandwidth (measured on two Zen 4 cores).
"""

import ctypes
import sys
from collections.abc import Iterable, Iterator
from ctypes import c_int, c_size_t, c_void_p
from functools import cache

from torch import Tensor

_HUGE = 1 << 21
_PAGE = 1 << 12
# Linux's numbers (madvise(2)): allow, and gather what is in memory already (since Linux 6.1).
_MADV_HUGEPAGE, _MADV_COLLAPSE = 14, 25


def allow_huge_pages(tensor: Tensor) -> None:
    """Let memory that nobody has written to yet come in huge pages as it is filled."""
    if tensor.device.type == "cpu":
        for first, size in _whole_pages([tensor]):
            _system().madvise(first, size, _MADV_HUGEPAGE)


def use_huge_pages(tensors: Iterable[Tensor]) -> None:
    """Ask the operating system to move tensors on the CPU into huge pages; their addresses stay.

    A wish: a system that has no such pages, none left, or maps the weights from a file leaves them
    where they are. It takes as long as copying what is not in huge pages yet.
    """
    for first, size in _whole_pages(t for t in tensors if t.device.type == "cpu"):
        if _system().madvise(first, size, _MADV_HUGEPAGE) == 0:
            _system().madvise(first, size, _MADV_COLLAPSE)


@cache
def _system() -> ctypes.CDLL:
    system = ctypes.CDLL(None)
    system.madvise.argtypes, system.madvise.restype = (c_void_p, c_size_t, c_int), c_int
    return system


def _whole_pages(tensors: Iterable[Tensor]) -> Iterator[tuple[int, int]]:
    """Yield start and size of the huge pages that lie in tensors altogether; none but on Linux."""
    if not sys.platform.startswith("linux"):
        return
    for start, end in _runs(tensors):
        first = -(-start // _HUGE) * _HUGE
        size = end // _HUGE * _HUGE - first
        if size > 0:
            yield first, size


def _runs(tensors: Iterable[Tensor]) -> list[tuple[int, int]]:
    """Return the addresses that tensors cover; allocations side by side count as one."""
    runs: list[tuple[int, int]] = []
    for start, size in sorted({(t.data_ptr(), t.nbytes) for t in tensors}):
        if runs and start - runs[-1][1] < _PAGE:
            runs[-1] = runs[-1][0], max(runs[-1][1], start + size)
        else:
            runs.append((start, start + size))
    return runs
