"""A process that is measured from outside: what it says, and the most memory that it had."""

import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Watched:
    """What is left of a process.

    Attributes:
        returncode: 0 if all went well.
        output: its standard output.
        errors: its standard error.
        peak_bytes: its largest resident size, imports included.
    """

    returncode: int
    output: str
    errors: str
    peak_bytes: int


def watch(command: Sequence[object], environment: Mapping[str, str] | None = None) -> Watched:
    """Run a process to its end.

    On Linux the kernel's high-water mark is read while it runs; the system's own figure at the end
    begins with the size of the parent. Elsewhere that figure, of the largest child so far, has to
    do.

    Args:
        command: with its arguments.
        environment: of the process; None: this one's.
    """
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as output,
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
    ):
        words = [str(word) for word in command]
        peak = 0
        with subprocess.Popen(words, stdout=output, stderr=errors, env=environment) as child:
            status = Path(f"/proc/{child.pid}/status")
            while child.poll() is None:
                peak = max(peak, _high_water(status))
                time.sleep(_POLL_SECONDS)
        if not peak:
            unit = 1 if sys.platform == "darwin" else 1024
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read())
        return Watched(child.returncode, *texts, peak)


def _high_water(status: Path) -> int:
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    except OSError:  # not Linux, or the process has just ended
        return 0
    return int(found[1]) * 1024 if found else 0
