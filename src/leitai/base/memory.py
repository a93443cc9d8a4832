"""How much memory there is, how much this process has used, and keeping what was freed."""

import ctypes
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def reset_peak() -> bool:
    """Start the peak of `peak_bytes` anew; return whether this system can do that (Linux can)."""
    try:
        _CLEAR.write_text("5")  # see proc(5): resets the resident set's high-water mark
    except OSError:
        return False
    return True


def peak_bytes() -> int:
    """Return the largest resident size since the process began or the last reset, in bytes."""
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux: the figure of the whole process has to do
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def total_bytes() -> int:
    """Return the machine's memory, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def available_bytes() -> int:
    """Return the memory to be had without swapping, within the container's limit, in bytes."""
    available = total_bytes()
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                available = int(line.split()[1]) * 1024
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    try:
        if (text := limit.read_text().strip()) != "max":
            available = min(available, int(text) - int(used.read_text()))
    except (OSError, ValueError):
        pass  # no cgroup v2 limit here
    return available


# Parameters of glibc's mallopt(3), and their values in and outside `reused_memory`.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_KEEP = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1))
_GIVE_BACK = ((_MMAP_MAX, 65536), (_TRIM_THRESHOLD, 128 << 10))
_inside: list[None] = []  # one entry for each user of `reused_memory`
_inside_lock = Lock()


@contextmanager
def reused_memory() -> Iterator[None]:
    """Keep freed memory in this process, to be used again, until the block is left.

    The C library otherwise returns every large tensor's memory to the system when it is freed, and
    the next one's pages are cleared and mapped anew, which takes longer than many an operation on
    them. May be nested and entered by several threads. Without glibc it changes nothing.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    with _inside_lock:
        if not _inside:
            _set(libc, _KEEP)
        _inside.append(None)
    try:
        yield
    finally:
        with _inside_lock:
            _inside.pop()
            if not _inside:
                _set(libc, _GIVE_BACK)
                libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    return libc if hasattr(libc, "gnu_get_libc_version") else None


def _set(libc: ctypes.CDLL, parameters: tuple[tuple[int, int], ...]) -> None:
    for name, value in parameters:
        libc.mallopt(name, value)


def give_freed_memory_back() -> None:
    """Let the C library return blocks from a megabyte up to the system as soon as they are freed.

    glibc learns from the first large block that is freed to keep blocks of up to 32 MB in its heap,
    where small ones between them hold the space. Training with recomputed activations then had
    twice the memory that its tensors had. Holds for the whole process; without effect elsewhere
    than under glibc.
    """
    libc = _glibc()
    if libc is not None:
        _set(libc, ((_MMAP_THRESHOLD, 1 << 20),))


KEPT_PRODUCTS = 128


def keep_few_products() -> None:
    """Let oneDNN keep the code of few matrix products; call it before the first one.

    It makes code for each shape of a half-precision product on a CPU, and keeps that of 1,024. In
    training nearly every step has a number of rows of its own, so old code is of no use and grew to
    a third of a gigabyte; a step's own shapes are some fifty. Who sets the variables is obeyed.
    """
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(name, str(KEPT_PRODUCTS))
