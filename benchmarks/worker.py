"""One measurement in a process of its own: `python worker.py SIDE JOB RESULT`.

A side is a module with the functions `train`, `score`, `generate` and `load`. Each takes the job
and returns the measured numbers under "measures" and, under "answers", what both must agree on.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from leitai.base.memory import peak_bytes

SIDES = {"leitai": "side_leitai", "peer": "side_peer"}


def main(side: str, job_path: str, result_path: str) -> None:
    """Do the job and write what was measured."""
    job: dict[str, Any] = json.loads(Path(job_path).read_text(encoding="utf-8"))
    result = getattr(import_module(SIDES[side]), job["kind"])(job)
    # A process that is replaced by another begins with a high-water mark of its own.
    result["measures"]["peak_bytes"] = peak_bytes()
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
