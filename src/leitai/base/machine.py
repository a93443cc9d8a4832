"""What a run was made with: versions and machine, for the manifest."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from leitai.base.memory import total_bytes

_PACKAGES = ("leitai", "torch", "numpy", "scipy", "safetensors", "tokenizers", "jinja2", "pydantic")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers can depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def machine() -> dict[str, Any]:
    """Describe processor, cores, memory and system, without the host's name."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_bytes": total_bytes(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
