"""Which implementation belongs to which spec, and to which PEFT config."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from leitai.adapters.adalora_files import AdaLoRAImplementation
from leitai.adapters.ia3 import IA3Implementation
from leitai.adapters.interface import AdapterImplementation, Implementation
from leitai.adapters.low_rank import DoRAImplementation, LoRAImplementation
from leitai.adapters.method import AnyMethod
from leitai.adapters.weights import FreezeImplementation, FullImplementation
from leitai.models import Decoder

IMPLEMENTATIONS: Mapping[str, Implementation[Any]] = MappingProxyType(
    {
        "full": FullImplementation(),
        "freeze": FreezeImplementation(),
        "lora": LoRAImplementation(),
        "dora": DoRAImplementation(),
        "adalora": AdaLoRAImplementation(),
        "ia3": IA3Implementation(),
    }
)
"""By the `name` of the spec."""

ADAPTERS = tuple(i for i in IMPLEMENTATIONS.values() if isinstance(i, AdapterImplementation))


def implementation(method: AnyMethod) -> Implementation[Any]:
    """Return the implementation of a spec."""
    return IMPLEMENTATIONS[method.name]


def adapter_on(decoder: Decoder) -> AdapterImplementation[Any] | None:
    """Return the implementation of the adapter that a decoder carries, or None."""
    return next((adapter for adapter in ADAPTERS if adapter.holds(decoder)), None)


def reader_of(config: Mapping[str, Any]) -> AdapterImplementation[Any] | None:
    """Return the implementation that reads an `adapter_config.json`, or None."""
    return next((adapter for adapter in ADAPTERS if adapter.reads(config)), None)
