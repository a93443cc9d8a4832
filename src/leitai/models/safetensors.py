"""The safetensors format: headers read and checked first, data copied out of a memory map.

A file is an 8-byte little-endian length, a JSON header of that length (name -> dtype, shape, byte
range) and the raw tensors (https://github.com/huggingface/safetensors).
"""

import json
import mmap
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from leitai.base import LeitaiError

DTYPES: Mapping[str, torch.dtype] = {
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_SIZES = {"F64": 8, "I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2} | {
    name: dtype.itemsize for name, dtype in DTYPES.items()
}
_HEADER_LIMIT = 100 << 20
_CHUNK = 32 << 20
_REMEDY = "download or copy the file again"


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor lies.

    Attributes:
        file: the safetensors file.
        dtype: the format's name of the number format, such as "BF16".
        shape: its dimensions.
        start: the first byte, from the start of the file.
        size: bytes.
    """

    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int


def read_header(path: Path) -> dict[str, StoredTensor]:
    """Read which tensors a file holds; no tensor data is read.

    Raises:
        LeitaiError: the file is missing, truncated or not a safetensors file.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8)
            length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
            if not 2 <= length <= min(_HEADER_LIMIT, max(size - 8, 0)):
                raise _not_safetensors(path, "its first 8 bytes are no header length")
            text = file.read(length)
    except FileNotFoundError as error:
        raise LeitaiError("no such file", where=path, remedy="copy the whole checkpoint") from error
    except OSError as error:
        raise LeitaiError(f"cannot read ({error.strerror})", where=path) from error
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _not_safetensors(path, "its header is not JSON") from error
    if not isinstance(header, dict):
        raise _not_safetensors(path, "its header is no object")
    header.pop("__metadata__", None)
    data = 8 + length
    found = {name: _read_entry(path, data, name, entry) for name, entry in header.items()}
    end = max((item.start + item.size for item in found.values()), default=data)
    if end > size:
        raise LeitaiError(
            f"truncated: {size:,} bytes, but its header describes {end:,}",
            where=path,
            remedy=_REMEDY,
        )
    return found


def _read_entry(path: Path, data: int, name: str, entry: Any) -> StoredTensor:
    try:
        kind, shape, (start, stop) = entry["dtype"], entry["shape"], entry["data_offsets"]
        sound = (
            isinstance(kind, str)
            and all(type(size) is int and size >= 0 for size in (*shape, start, stop))
            and (kind not in _SIZES or stop - start == prod(shape) * _SIZES[kind])
        )
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise _not_safetensors(path, f"its header's entry for {name!r} is inconsistent")
    return StoredTensor(path, kind, tuple(shape), data + start, stop - start)


def _not_safetensors(path: Path, why: str) -> LeitaiError:
    return LeitaiError(f"not a safetensors file: {why}", where=path, remedy=_REMEDY)


class Reader:
    """A safetensors file mapped into memory, read one tensor at a time."""

    def __init__(self, path: Path) -> None:
        """Map the file.

        Raises:
            LeitaiError: it cannot be opened.
        """
        try:
            self._file = path.open("rb")
            # Private, so that torch may wrap the pages; nothing is ever written to them.
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_COPY)
        except (OSError, ValueError) as error:
            raise LeitaiError(f"cannot read ({error})", where=path) from error

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._map.close()
        self._file.close()

    def copy(self, stored: StoredTensor, out: Tensor) -> None:
        """Fill `out` (any number format, any device) with the tensor's values.

        The data goes through in pieces whose pages are given back at once, so the cost at the peak
        is `out` and one piece. Copying also leaves every weight at the allocator's alignment, which
        matrix kernels' last bits may depend on.
        """
        flat = out.view(-1)
        for first, piece in self._pieces(stored):
            flat[first : first + piece.numel()].copy_(piece)

    def equals(self, stored: StoredTensor, other: Tensor) -> bool:
        """Whether the tensor, converted to the dtype of `other`, has the same values."""
        flat = other.view(-1)
        return all(
            torch.equal(
                piece.to(flat.dtype), flat[first : first + piece.numel()].to("cpu", copy=False)
            )
            for first, piece in self._pieces(stored)
        )

    def _pieces(self, stored: StoredTensor) -> Iterable[tuple[int, Tensor]]:
        dtype = DTYPES[stored.dtype]
        total, step = prod(stored.shape), _CHUNK // dtype.itemsize
        for first in range(0, total, step):
            count = min(step, total - first)
            start = stored.start + first * dtype.itemsize
            piece = torch.frombuffer(self._map, dtype=dtype, count=count, offset=start)
            yield first, piece
            del piece
            if hasattr(mmap, "MADV_DONTNEED"):
                page = start - start % mmap.PAGESIZE
                end = start + count * dtype.itemsize
                self._map.madvise(mmap.MADV_DONTNEED, page, end - page)


def write(file: IO[bytes], tensors: Mapping[str, Tensor], dtype: torch.dtype) -> None:
    """Write tensors as `dtype` in safetensors format; the same tensors give the same bytes."""
    names = sorted(tensors)
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name in names:
        stop = start + tensors[name].numel() * dtype.itemsize
        header[name] = {
            "dtype": _NAMES[dtype],
            "shape": list(tensors[name].shape),
            "data_offsets": [start, stop],
        }
        start = stop
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    for name in names:
        flat = tensors[name].detach().contiguous().view(-1)
        for piece in torch.split(flat, _CHUNK // dtype.itemsize):
            file.write(piece.to("cpu", dtype).view(torch.uint8).numpy().data)
