"""What of a model is trained, and adapters in PEFT's file format.

The method specs are free of torch; what touches a decoder is loaded when first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from leitai.adapters.method import IA3, AdaLoRA, AnyMethod, DoRA, Freeze, Full, LoRA, Method

if TYPE_CHECKING:
    from leitai.adapters.apply import (
        apply_method,
        count_trainable,
        leaves_adapter,
        step_hooks,
        trainable_parameters,
        trainable_state,
    )
    from leitai.adapters.export import export_merged, load_merged
    from leitai.adapters.hashing import weights_hash
    from leitai.adapters.lora import LoRALinear
    from leitai.adapters.merging import merge
    from leitai.adapters.packing import packed_weights
    from leitai.adapters.peft_files import load_adapter, save_adapter
    from leitai.adapters.several import Adapters, load_adapters

_HOMES = {
    "Adapters": "several",
    "LoRALinear": "lora",
    "apply_method": "apply",
    "count_trainable": "apply",
    "export_merged": "export",
    "leaves_adapter": "apply",
    "load_adapter": "peft_files",
    "load_adapters": "several",
    "load_merged": "export",
    "merge": "merging",
    "packed_weights": "packing",
    "save_adapter": "peft_files",
    "step_hooks": "apply",
    "trainable_parameters": "apply",
    "trainable_state": "apply",
    "weights_hash": "hashing",
}

__all__ = [
    "IA3",
    "AdaLoRA",
    "Adapters",
    "AnyMethod",
    "DoRA",
    "Freeze",
    "Full",
    "LoRA",
    "LoRALinear",
    "Method",
    "apply_method",
    "count_trainable",
    "export_merged",
    "leaves_adapter",
    "load_adapter",
    "load_adapters",
    "load_merged",
    "merge",
    "packed_weights",
    "save_adapter",
    "step_hooks",
    "trainable_parameters",
    "trainable_state",
    "weights_hash",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
