"""Hugging Face checkpoint folders read: configuration, tensors, the decoder.

`saving.py` writes them.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from math import prod
from pathlib import Path

import torch
from torch import nn

from leitai.base import LeitaiError, files
from leitai.base.memory import available_bytes
from leitai.kernels.pages import allow_huge_pages
from leitai.models import safetensors
from leitai.models.config import ModelConfig
from leitai.models.decoder import Decoder
from leitai.models.quantized import (
    BITS,
    parse_bits,
    put,
    quantize_tied_head,
    quantized_linear,
    quantized_names,
)
from leitai.models.safetensors import DTYPES, StoredTensor

CONFIG, SINGLE, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
HEAD, EMBEDDING = "lm_head.weight", "model.embed_tokens.weight"
_DTYPE_NAMES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_WORKING_BYTES = 64 << 20
_SHOWN = 20


def parse_dtype(dtype: torch.dtype | str) -> torch.dtype | None:
    """Return the number format named "float32", "bfloat16" or "float16"; None for "auto".

    Raises:
        LeitaiError: another name.
    """
    if dtype == "auto":
        return None
    found = _DTYPE_NAMES.get(dtype) if isinstance(dtype, str) else dtype
    if found not in _DTYPE_NAMES.values():
        raise LeitaiError(
            f"dtype {dtype} is not supported "
            f"(expected {', '.join([*_DTYPE_NAMES, *BITS])} or auto)",
            remedy="choose one of these",
        )
    return found


def read_config(folder: Path) -> ModelConfig:
    """Read `config.json` of a checkpoint folder.

    Raises:
        LeitaiError: the folder or file is missing, or describes something that is not supported.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise LeitaiError(
            "no config.json here" if folder.is_dir() else "no such folder",
            where=folder,
            remedy="give the folder of a Hugging Face checkpoint",
        )
    return ModelConfig.from_dict(files.read_json(path), path)


def read_tensor_list(folder: Path) -> dict[str, StoredTensor]:
    """Read the headers of a checkpoint's weights, single file or sharded; no weights are read.

    Raises:
        LeitaiError: there are no safetensors weights, or a file is missing or broken.
    """
    if (folder / SINGLE).is_file():
        return safetensors.read_header(folder / SINGLE)
    path = folder / INDEX
    if not path.is_file():
        raise LeitaiError(
            f"neither {SINGLE} nor {INDEX} here (weights in pickle formats are not read)",
            where=folder,
            remedy="give a folder with safetensors weights",
        )
    index = files.read_json(path)
    placed = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(placed, dict) or not placed:
        raise LeitaiError("expected an object with weight_map", where=path, remedy="copy it again")
    found: dict[str, StoredTensor] = {}
    for name in sorted(set(map(str, placed.values()))):
        # A plain name cannot lead out of the folder.
        if Path(name).name != name or "\\" in name or not name.endswith(".safetensors"):
            raise LeitaiError(
                f"{name!r} is not the plain name of a safetensors file", where=f"{path}, weight_map"
            )
        stored = safetensors.read_header(folder / name)
        found |= {key: value for key, value in stored.items() if placed.get(key) == name}
    if absent := sorted(set(placed) - set(found)):
        raise LeitaiError(
            f"the index names tensors that its files lack: {_shown(absent)}",
            where=path,
            remedy="copy the whole checkpoint again",
        )
    return found


def load_decoder(
    folder: Path,
    *,
    dtype: torch.dtype | str = torch.float32,
    device: torch.device | str = "cpu",
    quantize_head: bool = True,
) -> Decoder:
    """Load a checkpoint.

    The decoder is laid out without memory, then each tensor is allocated and filled from the mapped
    file: the peak is the decoder's own size and a few dozen megabytes.

    Args:
        folder: a Hugging Face folder: `config.json` and safetensors weights, single or sharded.
        dtype: the number format of the weights in memory; "auto" keeps the embedding's own;
            "int8", "int4", "nf4" and "nf4-double" quantise the linear layers one by one, the rest
            is bfloat16.
        device: where the weights go.
        quantize_head: whether a quantised decoder's output head is so too; training wants it whole.

    Raises:
        LeitaiError: the configuration is not supported, tensors are missing, surplus or of the
            wrong shape (all listed), a file is broken, or the memory does not suffice.
    """
    folder = Path(folder)
    config = read_config(folder)
    stored = read_tensor_list(folder)
    with torch.device("meta"):
        decoder = Decoder(config)
    expected = dict(decoder.named_parameters())
    tied_copy = _check_tensors(folder, config, expected, stored)
    bits = parse_bits(dtype)
    target = torch.bfloat16 if bits else parse_dtype(dtype) or DTYPES[stored[EMBEDDING].dtype]
    narrow = quantized_names(decoder, head=quantize_head) if bits else frozenset()
    _check_memory(folder, _bytes_needed(expected, target, narrow, bits), dtype, device)
    with ExitStack() as stack:
        readers = {
            file: stack.enter_context(safetensors.Reader(file))
            for file in sorted({item.file for item in stored.values()})
        }
        for name, parameter in expected.items():
            tensor = torch.empty(parameter.shape, dtype=target, device=device)
            allow_huge_pages(tensor)
            readers[stored[name].file].copy(stored[name], tensor)
            owner, _, leaf = name.rpartition(".")
            if bits and leaf == "weight" and owner in narrow:
                put(decoder, owner, quantized_linear(tensor, str(dtype)))
            else:
                setattr(decoder.get_submodule(owner), leaf, nn.Parameter(tensor))
        if tied_copy is not None:
            weight = decoder.model.embed_tokens.weight.detach()
            if not readers[tied_copy.file].equals(tied_copy, weight):
                raise LeitaiError(
                    f"tie_word_embeddings is true, but {HEAD} differs from {EMBEDDING}",
                    where=folder,
                    remedy="set tie_word_embeddings to false in config.json if the head is its own",
                )
    if bits:
        if quantize_head:
            quantize_tied_head(decoder, str(dtype))
        decoder.requires_grad_(False)
    return decoder.eval()


def _check_tensors(
    folder: Path,
    config: ModelConfig,
    expected: Mapping[str, nn.Parameter],
    stored: dict[str, StoredTensor],
) -> StoredTensor | None:
    """Compare names and shapes; return a stored copy of a tied head, if there is one."""
    tied_copy = stored.get(HEAD) if config.tie_word_embeddings else None
    surplus = [
        name
        for name in stored
        # Old files of Llama store the rotary frequencies, which follow from the configuration.
        if name not in expected and not name.endswith("rotary_emb.inv_freq")
    ]
    if tied_copy is not None:
        surplus.remove(HEAD)
    shapes = {name: tuple(parameter.shape) for name, parameter in expected.items()}
    if tied_copy is not None:
        shapes[HEAD] = shapes[EMBEDDING]
    common = sorted(set(shapes) & set(stored))
    problems = {
        "missing": sorted(set(expected) - set(stored)),
        "surplus": sorted(surplus),
        "wrongly shaped": [
            f"{name} (expected {list(shapes[name])}, found {list(stored[name].shape)})"
            for name in common
            if stored[name].shape != shapes[name]
        ],
        "of an unsupported number format": [
            f"{name} ({stored[name].dtype})" for name in common if stored[name].dtype not in DTYPES
        ],
    }
    found = [f"{kind}: {_shown(names)}" for kind, names in problems.items() if names]
    if found:
        raise LeitaiError(
            f"the weights do not fit config.json; {'; '.join(found)}",
            where=folder,
            remedy="copy the checkpoint again, or use the config.json that belongs to it",
        )
    return tied_copy


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _bytes_needed(
    expected: Mapping[str, nn.Parameter],
    dtype: torch.dtype,
    narrow: frozenset[str],
    bits: int | None,
) -> int:
    """Count the weights' bytes; `narrow` names the layers of `bits` bits."""
    sizes = {name: prod(item.shape) for name, item in expected.items()}
    small = {name: size for name, size in sizes.items() if name.rpartition(".")[0] in narrow}
    needed = (sum(sizes.values()) - sum(small.values())) * dtype.itemsize
    if bits:
        # Scales take up to half a bit a weight; a tied head has narrow weights of its own, and the
        # layer at hand is in memory twice.
        head = 0 if HEAD in sizes else sizes[EMBEDDING]
        needed += (sum(small.values()) + head) * (2 * bits + 1) // 16
        needed += 2 * max(small.values())
    return needed


def _check_memory(
    folder: Path, needed: int, dtype: torch.dtype | str, place: torch.device | str
) -> None:
    needed += _WORKING_BYTES
    device = torch.device(place)
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
    elif device.type == "cpu":
        free = available_bytes()
    else:
        return
    if needed > free:
        name = str(dtype).removeprefix("torch.")
        raise LeitaiError(
            f"the model needs {needed / 2**30:.1f} GiB as {name}, "
            f"but {free / 2**30:.1f} GiB of {device.type} memory are free",
            where=folder,
            remedy="use a smaller model, a shorter dtype such as int8, or a larger machine",
        )
