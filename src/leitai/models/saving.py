"""Hugging Face checkpoint folders written; `checkpoint.py` reads them."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from leitai.base import LeitaiError, files
from leitai.models import safetensors
from leitai.models.checkpoint import CONFIG, INDEX, SINGLE, parse_dtype
from leitai.models.decoder import Decoder
from leitai.models.quantized import is_quantized


def save_decoder(
    decoder: Decoder,
    folder: Path,
    *,
    dtype: torch.dtype | str | None = None,
    shard_bytes: int = 4 << 30,
) -> None:
    """Write `config.json` and safetensors weights; transformers reads the folder too.

    Each file is whole or absent, and `config.json` comes last. A tied head is not stored. Weights
    of an earlier save in the folder that do not belong to this one are removed.

    Args:
        decoder: what to write.
        folder: where; made when absent. Other files in it stay.
        dtype: number format on disk; by default the decoder's own.
        shard_bytes: weights of more bytes than this are split into several files with an index; a
            tensor is never split.

    Raises:
        LeitaiError: the disk is full or the folder cannot be written.
    """
    folder = Path(folder)
    if is_quantized(decoder):
        raise LeitaiError(
            "quantised weights are not stored; they are made while loading",
            where=folder,
            remedy="save the decoder that they were made from",
        )
    target = (parse_dtype(dtype) if dtype is not None else None) or decoder.dtype
    tensors = {name: parameter.detach() for name, parameter in decoder.named_parameters()}
    shards = _split(tensors, target, shard_bytes)
    names = [SINGLE]
    if len(shards) > 1:
        count = len(shards)
        names = [f"model-{i + 1:05d}-of-{count:05d}.safetensors" for i in range(count)]
    for name, shard in zip(names, shards, strict=True):
        with files.atomic_file(folder / name) as file:
            safetensors.write(file, shard, target)
    if len(shards) > 1:
        placed = {key: name for name, shard in zip(names, shards, strict=True) for key in shard}
        total = sum(tensor.numel() for tensor in tensors.values()) * target.itemsize
        index = {"metadata": {"total_size": total}, "weight_map": placed}
        files.write_json(folder / INDEX, index)
        names.append(INDEX)
    for old in (*folder.glob("model*.safetensors"), folder / INDEX):
        if old.name not in names:
            old.unlink(missing_ok=True)
    config = decoder.config.to_dict() | {"torch_dtype": str(target).removeprefix("torch.")}
    files.write_json(folder / CONFIG, config)


def _split(
    tensors: Mapping[str, Tensor], dtype: torch.dtype, shard_bytes: int
) -> list[dict[str, Tensor]]:
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in tensors.items():
        added = tensor.numel() * dtype.itemsize
        if shards[-1] and size + added > shard_bytes:
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size += added
    return shards
