"""LoRA adapters in PEFT's format: `adapter_config.json` and `adapter_model.safetensors`."""

import json
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from leitai.adapters.apply import target_names
from leitai.adapters.hashing import weights_hash
from leitai.adapters.lora import LoRALinear, lora_layers, put
from leitai.adapters.method import ALL_LINEAR
from leitai.base import LeitaiError
from leitai.base.files import atomic_file, atomic_folder, read_json, to_json, write_json
from leitai.models import Decoder

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
BASE_HASH_KEY = "leitai.base_weights"  # in the safetensors metadata: it cannot be parted from them
_PREFIX = "base_model.model."
_PART = re.compile(re.escape(_PREFIX) + r"(?P<layer>.+)\.lora_(?P<part>[AB])\.weight")

# Fields that say nothing about the arithmetic once the weights are known. Any other field that is
# in use is a feature that Leitai lacks, whatever its name: PEFT gains new ones with every release.
_SILENT_FIELDS = frozenset(
    (
        *("task_type", "peft_type", "peft_version", "auto_mapping", "inference_mode", "revision"),
        *("base_model_name_or_path", "r", "lora_alpha", "lora_dropout", "use_rslora", "bias"),
        *("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern"),
        *("init_lora_weights", "megatron_core", "qalora_group_size", "runtime_config"),
        "ensure_weight_tying",
    )
)
_PLAIN_INITS = (True, False, "gaussian", "eva")  # the others change the base's weights


def _shared(values: list[Any], what: str) -> Any:
    if len(set(values)) != 1:
        raise LeitaiError(f"the adapted layers differ in {what}; one adapter has one {what}")
    return values[0]


def _target_modules(decoder: Decoder, adapted: list[str]) -> list[str]:
    """Name the adapted layers as PEFT does: by last names if those name exactly them."""
    last = sorted({name.rpartition(".")[2] for name in adapted})
    return last if target_names(decoder, last) == adapted else adapted


def save_adapter(
    decoder: Decoder, folder: Path, base_hash: str, *, base_name: str | None = None
) -> None:
    """Write the decoder's LoRA layers so that PEFT loads them on the same base with equal logits.

    Args:
        decoder: a decoder with `LoRALinear` layers of one rank, scaling and dropout.
        folder: replaced as a whole.
        base_hash: `weights_hash` of the base's folder; kept with the weights.
        base_name: path or hub id of the base, for PEFT's `AutoPeftModel`.

    Raises:
        LeitaiError: there is no adapter, or its layers differ among themselves; the disk is full.
    """
    layers = dict(lora_layers(decoder))
    if not layers:
        raise LeitaiError("the model has no adapter to save", where=folder)
    rank = _shared([layer.rank for layer in layers.values()], "rank")
    scaling = _shared([layer.scaling for layer in layers.values()], "scaling")
    alpha = round(scaling * rank) if round(scaling * rank) / rank == scaling else scaling * rank
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_name,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": _shared([layer.dropout for layer in layers.values()], "dropout"),
        "target_modules": _target_modules(decoder, list(layers)),
        "bias": "none",
        "fan_in_fan_out": False,
        "init_lora_weights": True,
        "use_rslora": False,  # the scaling is already in lora_alpha
        "use_dora": False,
        "modules_to_save": None,
    }
    tensors: dict[str, Tensor] = {}
    for name, layer in layers.items():
        tensors[f"{_PREFIX}{name}.lora_A.weight"] = layer.lora_A.weight.detach().cpu().contiguous()
        tensors[f"{_PREFIX}{name}.lora_B.weight"] = layer.lora_B.weight.detach().cpu().contiguous()
    with atomic_folder(folder) as temporary:
        write_json(temporary / CONFIG_FILE, config)
        data = save(tensors, {"format": "pt", BASE_HASH_KEY: base_hash})
        with atomic_file(temporary / WEIGHTS_FILE) as file:
            file.write(_sorted_header(data))


def _sorted_header(data: bytes) -> bytes:
    """Sort the header's keys: the library writes its metadata in an order drawn at random."""
    (size,) = struct.unpack_from("<Q", data)
    header = to_json(json.loads(data[8 : 8 + size])).encode()
    header += b" " * (-len(header) % 8)  # the tensors stay aligned
    return struct.pack("<Q", len(header)) + header + data[8 + size :]


def _refuse_features(config: Mapping[str, Any], where: Path) -> None:
    """Refuse what is not plain LoRA, by the name of the field."""
    used = {name: value for name, value in config.items() if name not in _SILENT_FIELDS and value}
    if config.get("peft_type") != "LORA":
        used = {"peft_type": config.get("peft_type")}
    elif config.get("bias", "none") != "none":
        used["bias"] = config["bias"]
    elif config.get("init_lora_weights", True) not in _PLAIN_INITS:
        used["init_lora_weights"] = config["init_lora_weights"]
    if used:
        name, value = sorted(used.items())[0]
        raise LeitaiError(
            f"{name} = {value!r} is not supported (plain LoRA is)",
            where=where,
            remedy="merge the adapter with PEFT and use the merged model",
        )


def _number(config: Mapping[str, Any], name: str, where: Path) -> float:
    value = config.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise LeitaiError(
            f"{name} must be a positive number, not {value!r}", where=where, remedy="repair it"
        )
    return value


def _read_weights(folder: Path) -> tuple[dict[str, dict[str, Tensor]], str | None]:
    """Read {layer: {"A": [rank, in], "B": [out, rank]}} and the base's hash, if it is carried."""
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        pickled = (folder / "adapter_model.bin").is_file()
        raise LeitaiError(
            "no such file"
            + (" (adapter_model.bin is a pickle and is not read)" if pickled else ""),
            where=path,
            remedy="save the adapter as safetensors" if pickled else "check the folder",
        )
    layers: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(path, framework="pt") as file:
            base_hash = (file.metadata() or {}).get(BASE_HASH_KEY)
            for name in file.keys():  # noqa: SIM118 (not a mapping)
                match = _PART.fullmatch(name)
                if match is None:
                    raise LeitaiError(
                        f"the tensor '{name}' is no part of plain LoRA on linear layers",
                        where=path,
                        remedy="merge the adapter with PEFT and use the merged model",
                    )
                layers.setdefault(match["layer"], {})[match["part"]] = file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise LeitaiError(
            f"not a whole safetensors file ({error})", where=path, remedy="fetch it again"
        ) from error
    return layers, base_hash


def _expected(decoder: Decoder, config: Mapping[str, Any]) -> list[str]:
    """List the layers that the config promises, or none where only the tensors can tell."""
    targets = config.get("target_modules")
    if config.get("layers_to_transform") is not None or config.get("exclude_modules"):
        return []
    if targets == "all-linear":
        return target_names(decoder, ALL_LINEAR)
    if isinstance(targets, str):
        linear = target_names(decoder, ALL_LINEAR)
        return [name for name in linear if re.fullmatch(targets, name)]
    return target_names(decoder, targets or ())


def _check_layer(
    decoder: Decoder, name: str, parts: Mapping[str, Tensor], rank: int, where: Path
) -> nn.Linear:
    """Return the layer that an adapter's tensors belong to, if they fit it."""
    try:
        base = decoder.get_submodule(name)
    except AttributeError:
        base = None
    if not isinstance(base, nn.Linear) or not name.startswith("model.layers."):
        raise LeitaiError(
            f"the model has no linear layer '{name}' in its blocks",
            where=where,
            remedy="use the base that this adapter was trained on",
        )
    wanted = {"A": (rank, base.in_features), "B": (base.out_features, rank)}
    for part, shape in wanted.items():
        found = tuple(parts[part].shape) if part in parts else None
        if found != shape:
            raise LeitaiError(
                f"lora_{part} of {name} should have the shape {shape}, found {found or 'none'}",
                where=where,
                remedy="use the base that this adapter was trained on",
            )
    return base


def load_adapter(decoder: Decoder, folder: Path, base_folder: Path | None = None) -> None:
    """Put a PEFT LoRA adapter on a decoder, frozen, ready to score and generate or to merge.

    Args:
        decoder: a plain decoder; changed in place.
        folder: with `adapter_config.json` and `adapter_model.safetensors`.
        base_folder: where the decoder came from. If given, and the adapter carries the hash of its
            base, the two are compared; adapters that PEFT wrote carry none.

    Raises:
        LeitaiError: files are missing or damaged, the adapter is not plain LoRA, it was trained on
            another base, or its tensors do not fit this model.
    """
    where = folder / CONFIG_FILE
    config = read_json(where)
    if not isinstance(config, dict):
        raise LeitaiError("expected a JSON object", where=where, remedy="fetch it again")
    _refuse_features(config, where)
    rank = int(_number(config, "r", where))
    alpha = _number(config, "lora_alpha", where)
    layers, base_hash = _read_weights(folder)
    if base_folder is not None and base_hash not in (None, weights_hash(base_folder)):
        raise LeitaiError(
            f"the adapter was trained on other weights than those of {base_folder}"
            f" (it names {config.get('base_model_name_or_path') or 'no path'})",
            where=folder / WEIGHTS_FILE,
            remedy="give the base that it was trained on",
        )
    if next(lora_layers(decoder), None) is not None:
        raise LeitaiError("the model already has an adapter", where=folder, remedy="merge it first")
    bases = {
        name: _check_layer(decoder, name, parts, rank, folder / WEIGHTS_FILE)
        for name, parts in layers.items()
    }
    if missing := [name for name in _expected(decoder, config) if name not in layers]:
        raise LeitaiError(
            f"no tensors for {len(missing)} of the target layers, such as {missing[0]}",
            where=folder / WEIGHTS_FILE,
            remedy="fetch it again",
        )
    scaling = alpha / (rank**0.5 if config.get("use_rslora") else rank)
    for name, base in bases.items():
        layer = LoRALinear(base, rank, scaling, float(config.get("lora_dropout") or 0.0))
        with torch.no_grad():
            layer.lora_A.weight.copy_(layers[name]["A"])
            layer.lora_B.weight.copy_(layers[name]["B"])
        put(decoder, name, layer)
    decoder.requires_grad_(False)
    decoder.eval()
