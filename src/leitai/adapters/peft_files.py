"""Adapters in PEFT's format: `adapter_config.json` and `adapter_model.safetensors`."""

import json
import struct
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from leitai.adapters.hashing import weights_hash
from leitai.adapters.interface import AdapterImplementation, Tensors
from leitai.adapters.peft_config import CONFIG_FILE, PREFIX, WEIGHTS_FILE
from leitai.adapters.table import adapter_on, reader_of
from leitai.base import LeitaiError
from leitai.base.files import atomic_file, atomic_folder, read_json, to_json, write_json
from leitai.models import Decoder, put_score

# in the safetensors metadata: it cannot be parted from them
BASE_HASH_KEY, LABELS_KEY = "leitai.base_weights", "leitai.labels"
HEAD = f"{PREFIX}score.weight"
_HEAD_MODULES = (["score"], ["classifier", "score"])  # PEFT's own SEQ_CLS configs name both


def save_adapter(
    decoder: Decoder, folder: Path, base_hash: str, *, base_name: str | None = None
) -> None:
    """Write the decoder's adapter so that PEFT loads it on the same base with equal logits.

    Args:
        decoder: a decoder with an adapter.
        folder: replaced as a whole.
        base_hash: `weights_hash` of the base's folder; kept with the weights.
        base_name: path or hub id of the base, for PEFT's `AutoPeftModel`.

    Raises:
        LeitaiError: there is no adapter, or PEFT's format cannot say what it has; the disk is full.
    """
    adapter = adapter_on(decoder)
    if adapter is None:
        raise LeitaiError("the model has no adapter to save", where=folder)
    config, tensors = adapter.to_peft(decoder)
    labels: dict[str, str] = {}
    common: dict[str, Any] = {
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_name,
        "inference_mode": True,
    }
    if decoder.score is not None:
        config = config | {"task_type": "SEQ_CLS", "modules_to_save": ["score"]}
        tensors = tensors | {HEAD: decoder.score.weight}
        labels = {LABELS_KEY: to_json(list(decoder.config.labels))}
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_folder(folder) as temporary:
        write_json(temporary / CONFIG_FILE, common | config)
        data = save(plain, {"format": "pt", BASE_HASH_KEY: base_hash} | labels)
        with atomic_file(temporary / WEIGHTS_FILE) as file:
            file.write(_sorted_header(data))


def _sorted_header(data: bytes) -> bytes:
    """Sort the header's keys: the library writes its metadata in an order drawn at random."""
    (size,) = struct.unpack_from("<Q", data)
    header = to_json(json.loads(data[8 : 8 + size])).encode()
    header += b" " * (-len(header) % 8)  # the tensors stay aligned
    return struct.pack("<Q", len(header)) + header + data[8 + size :]


def _read_weights(folder: Path) -> tuple[Tensors, dict[str, str]]:
    """Read the tensors and the metadata."""
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        pickled = (folder / "adapter_model.bin").is_file()
        raise LeitaiError(
            "no such file"
            + (" (adapter_model.bin is a pickle and is not read)" if pickled else ""),
            where=path,
            remedy="save the adapter as safetensors" if pickled else "check the folder",
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            names = file.keys()  # not a mapping
            return {name: file.get_tensor(name) for name in names}, metadata
    except (SafetensorError, OSError) as error:
        raise LeitaiError(
            f"not a whole safetensors file ({error})", where=path, remedy="fetch it again"
        ) from error


def _read_config(folder: Path) -> tuple[dict[str, Any], AdapterImplementation[Any]]:
    """Read the config and find who reads the rest."""
    where = folder / CONFIG_FILE
    config: Any = read_json(where)
    if not isinstance(config, dict):
        raise LeitaiError("expected a JSON object", where=where, remedy="fetch it again")
    reader = reader_of(config)
    if reader is None:
        raise LeitaiError(
            f"peft_type = {config.get('peft_type')!r} is not supported",
            where=where,
            remedy="merge the adapter with PEFT and use the merged model",
        )
    return config, reader


def adapter_kind(folder: Path) -> AdapterImplementation[Any]:
    """Return the implementation of a saved adapter's method.

    Raises:
        LeitaiError: there is no config, or it is of no supported kind.
    """
    return _read_config(folder)[1]


def load_adapter(decoder: Decoder, folder: Path, base_folder: Path | None = None) -> None:
    """Put a PEFT adapter on a decoder, frozen, ready to score and generate or to merge.

    Args:
        decoder: a plain decoder; changed in place.
        folder: with `adapter_config.json` and `adapter_model.safetensors`.
        base_folder: where the decoder came from. If given, and the adapter carries the hash of its
            base, the two are compared; adapters that PEFT wrote carry none.

    Raises:
        LeitaiError: files are missing or damaged, the adapter is of no supported kind, it was
            trained on another base, or its tensors do not fit this model.
    """
    config, reader = _read_config(folder)
    tensors, metadata = _read_weights(folder)
    base_hash = metadata.get(BASE_HASH_KEY)
    known = base_folder if base_hash is not None else None
    if known is not None and base_hash != weights_hash(known):
        raise LeitaiError(
            f"the adapter was trained on other weights than those of {base_folder}"
            f" (it names {config.get('base_model_name_or_path') or 'no path'})",
            where=folder / WEIGHTS_FILE,
            remedy="give the base that it was trained on",
        )
    if adapter_on(decoder) is not None:
        raise LeitaiError("the model already has an adapter", where=folder, remedy="merge it first")
    head = None
    if config.get("modules_to_save") in _HEAD_MODULES:
        config = config | {"modules_to_save": None}
        head = _check_head(decoder, tensors.pop(HEAD, None), folder)
    reader.from_peft(decoder, config, tensors, folder)
    if head is not None:
        numbered = [f"LABEL_{number}" for number in range(len(head))]
        labels = json.loads(metadata[LABELS_KEY]) if LABELS_KEY in metadata else numbered
        put_score(decoder, labels, head.to(decoder.dtype))
    decoder.requires_grad_(False)
    decoder.eval()


def _check_head(decoder: Decoder, head: Tensor | None, folder: Path) -> Tensor:
    """Return a saved classification head, if it fits the model."""
    size = decoder.config.hidden_size
    if head is None or head.dim() != 2 or head.shape[1] != size:
        raise LeitaiError(
            f"{HEAD} should have the shape (labels, {size}), "
            f"found {None if head is None else tuple(head.shape)}",
            where=folder / WEIGHTS_FILE,
            remedy="use the base that this adapter was trained on",
        )
    return head
