"""What this machine can do, measured in a few seconds and kept for a day."""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from leitai.adapters.cost import Method, packed_bytes
from leitai.base import LeitaiError
from leitai.base.files import read_json, write_json
from leitai.base.machine import machine as describe
from leitai.base.machine import versions
from leitai.models.config import ModelConfig

DAY = 86_400.0
_SECONDS = 120.0  # a measurement that takes longer hangs

Cost = Mapping[str, float]
"""Seconds beyond matrix products: "call" for each block and pass, "byte" for each byte it moves."""


@dataclass(frozen=True)
class Machine:
    """A measured machine.

    Attributes:
        device: "cpu" or "cuda".
        name: of the processor or accelerator.
        threads: of torch.
        memory_bytes: of the device.
        process_bytes: of a process that has run a tiny pass and holds nothing else.
        trainer_bytes: of one that has trained something tiny.
        native: whether the compiled kernels are there, which keep less for the way back.
        products: for each dtype, (rows, width, FLOPs a second) of matrix products.
        attention: FLOPs a second over the causal half, by dtype; forward, and "+training". Under
            "call", the seconds of one call for a handful of tokens.
        stream: bytes a second read from memory.
        training: what a block costs beyond products, by "method dtype"; bytes are those that
            autograd keeps.
        forward: the same without gradients, by dtype; bytes are those of the pass.
        decode: what a block costs in a step of writing one row, products included, by dtype; bytes
            are those of its weights. "row" is what each further row adds, for each byte.
        optimiser: seconds a trained number and step.
        logit: seconds a logit of the loss, beyond products.
    """

    device: str
    name: str
    threads: int
    memory_bytes: int
    process_bytes: int
    trainer_bytes: int
    native: bool
    products: Mapping[str, Sequence[Sequence[float]]]
    attention: Mapping[str, float]
    stream: float
    training: Mapping[str, Cost]
    forward: Mapping[str, Cost]
    decode: Mapping[str, Cost]
    optimiser: float
    logit: float

    def packs(self, config: ModelConfig, method: Method, dtype: str) -> bool:
        """Whether training lays frozen weights out beforehand here."""
        packed = packed_bytes(config, method, dtype, self.memory_bytes)
        return packed > 0 and "bfloat16 packed" in self.products

    def product_rate(self, dtype: str, rows: float, inputs: int, outputs: int) -> float:
        """FLOPs a second of an [rows, inputs] by [inputs, outputs] product.

        Interpolated between the measured sizes, in logarithms; the width is the geometric mean of
        both sides. Beyond the measured range the nearest size counts.
        """
        table = self.products.get(dtype) or self.products["float32"]
        counts = sorted({int(entry[0]) for entry in table})
        widths = sorted({int(entry[1]) for entry in table})
        rates = {(int(m), int(w)): math.log(rate) for m, w, rate in table}
        low, high, part = _between(counts, rows)
        left, right, across = _between(widths, math.sqrt(inputs * outputs))
        first = rates[low, left] * (1 - across) + rates[low, right] * across
        second = rates[high, left] * (1 - across) + rates[high, right] * across
        return math.exp(first * (1 - part) + second * part)

    def to_dict(self) -> dict[str, object]:
        """Return what `from_dict` reads."""
        return asdict(self)


def _between(sizes: Sequence[int], value: float) -> tuple[int, int, float]:
    """Find the neighbours of a value and its place between them in logarithms, 0 to 1."""
    value = min(max(value, sizes[0]), sizes[-1])
    for low, high in pairwise(sizes):
        if value <= high:
            return low, high, math.log(value / low) / math.log(high / low)
    return sizes[0], sizes[0], 0.0


def cache_file(device: str) -> Path:
    """Where the measurement of a device is kept: below XDG_CACHE_HOME or ~/.cache."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "leitai" / f"machine-{device.partition(':')[0]}.json"


def _identity() -> dict[str, object]:
    """What makes an earlier measurement worthless when it changes."""
    here, packages = describe(), versions()
    return {
        "processor": here["processor"],
        "cores": here["cores"],
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
        "torch": packages["torch"],
        "leitai": packages["leitai"],
    }


def cached_machine(device: str = "cpu", *, max_age: float = DAY) -> Machine | None:
    """Return the measurement of this machine if there is one that is not too old, in seconds."""
    path = cache_file(device)
    try:
        content = read_json(path)
        fresh = time.time() - path.stat().st_mtime < max_age
        if not fresh or content["identity"] != _identity():
            return None
        return Machine(**content["machine"])
    except (LeitaiError, OSError, KeyError, TypeError):
        return None  # none yet, or written by another version


def measured_machine(device: str = "cpu", *, anew: bool = False) -> Machine:
    """Return this machine's figures, measuring them when there are none of the last day.

    The measurement runs in a process of its own, so that its memory is not counted as the caller's.

    Args:
        device: "cpu" or "cuda".
        anew: measure even if there are figures.

    Raises:
        LeitaiError: the device is not there, or the measurement fails.
    """
    if not anew and (found := cached_machine(device)) is not None:
        return found
    command = [sys.executable, "-m", "leitai.planning.probe", device]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LeitaiError(f"measuring the machine failed: {error}", where=device) from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise LeitaiError(
            f"measuring the machine failed: {last}", where=device, remedy="use --device cpu"
        )
    found = Machine(**json.loads(done.stdout))
    try:
        path = cache_file(device)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"identity": _identity(), "machine": found.to_dict()})
    except (LeitaiError, OSError):
        pass  # a read-only home: measure again next time
    return found
