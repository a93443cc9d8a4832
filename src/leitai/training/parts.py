"""Named tensors in safetensors files: one file, or one of each process with its rows."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from leitai.base import LeitaiError
from leitai.base.files import hash_file

Tensors = Mapping[str, Tensor]

_PART = re.compile(r"(.+)-\d{5}-of-\d{5}")


def part_file(name: str, index: int, count: int) -> str:
    """Return the name of a process's file of a part such as "weights"."""
    return f"{name}-{index + 1:05d}-of-{count:05d}.safetensors"


def part_name(file: str) -> str:
    """Return the part that a file belongs to."""
    stem = Path(file).stem
    found = _PART.fullmatch(stem)
    return stem if found is None else found[1]


def save_part(path: Path, tensors: Tensors) -> str:
    """Write a file and return its hash.

    Raises:
        LeitaiError: the disk is full.
    """
    try:
        save_file({key: value.contiguous() for key, value in tensors.items()}, path)
    except (SafetensorError, OSError) as error:
        raise LeitaiError(
            f"cannot write ({error})",
            where=path.parent,
            remedy="free some space and run the same command again",
        ) from error
    return hash_file(path)


def read_parts(paths: Sequence[Path], readers: int) -> Tensors:
    """Return the tensors of one file, or of the files of several processes in their order.

    Where several processes wrote or read, a tensor is read when it is asked for: each keeps its
    own rows alone.
    """
    return load_file(paths[0]) if len(paths) == 1 and readers == 1 else _Joined(paths)


class _Joined(Mapping[str, Tensor]):
    """Tensors whose rows lie in several files."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._homes: dict[str, list[Path]] = {}
        for path in paths:
            with safe_open(path, framework="pt") as file:
                for key in file.keys():  # noqa: SIM118 - no mapping
                    self._homes.setdefault(key, []).append(path)

    def __getitem__(self, key: str) -> Tensor:
        found = []
        for path in self._homes[key]:
            with safe_open(path, framework="pt") as file:
                found.append(file.get_tensor(key))
        return found[0] if len(found) == 1 else torch.cat(found)

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)
