"""Adapters in PEFT's format: `adapter_config.json` and `adapter_model.safetensors`."""

import json
import struct
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from leitai.adapters.hashing import weights_hash
from leitai.adapters.interface import AdapterImplementation, Tensors
from leitai.adapters.peft_config import CONFIG_FILE, WEIGHTS_FILE
from leitai.adapters.table import adapter_on, reader_of
from leitai.base import LeitaiError
from leitai.base.files import atomic_file, atomic_folder, read_json, to_json, write_json
from leitai.models import Decoder

BASE_HASH_KEY = "leitai.base_weights"  # in the safetensors metadata: it cannot be parted from them


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
    common = {
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_name,
        "inference_mode": True,
    }
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_folder(folder) as temporary:
        write_json(temporary / CONFIG_FILE, common | config)
        data = save(plain, {"format": "pt", BASE_HASH_KEY: base_hash})
        with atomic_file(temporary / WEIGHTS_FILE) as file:
            file.write(_sorted_header(data))


def _sorted_header(data: bytes) -> bytes:
    """Sort the header's keys: the library writes its metadata in an order drawn at random."""
    (size,) = struct.unpack_from("<Q", data)
    header = to_json(json.loads(data[8 : 8 + size])).encode()
    header += b" " * (-len(header) % 8)  # the tensors stay aligned
    return struct.pack("<Q", len(header)) + header + data[8 + size :]


def _read_weights(folder: Path) -> tuple[Tensors, str | None]:
    """Read the tensors and the base's hash, if it is carried."""
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
            base_hash = (file.metadata() or {}).get(BASE_HASH_KEY)
            names = file.keys()  # not a mapping
            return {name: file.get_tensor(name) for name in names}, base_hash
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
    tensors, base_hash = _read_weights(folder)
    if base_folder is not None and base_hash not in (None, weights_hash(base_folder)):
        raise LeitaiError(
            f"the adapter was trained on other weights than those of {base_folder}"
            f" (it names {config.get('base_model_name_or_path') or 'no path'})",
            where=folder / WEIGHTS_FILE,
            remedy="give the base that it was trained on",
        )
    if adapter_on(decoder) is not None:
        raise LeitaiError("the model already has an adapter", where=folder, remedy="merge it first")
    reader.from_peft(decoder, config, tensors, folder)
    decoder.requires_grad_(False)
    decoder.eval()
