"""One measurement in a process of its own: `python worker.py SIDE JOB RESULT`.

A side is a module with a function for each kind of work that it does (`train`, `dpo`, `score`,
`generate`, `load`). It takes the job and returns the measured numbers under "measures" and, under
"answers", what both sides must agree on.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

# name -> (module, how it is called)
SIDES: dict[str, tuple[str, dict[str, Any]]] = {
    "leitai": ("side_leitai", {}),
    "leitai, no sharing": ("side_leitai", {"share": False}),
    "leitai, each row alone": ("side_leitai", {"rows_at_once": 1}),
    "transformers": ("side_transformers", {}),
    "Trainer": ("side_trainer", {}),
    "trl": ("side_trl", {}),
    "litgpt": ("side_litgpt", {}),
    "lm-eval": ("side_lm_eval", {}),
}


def main(side: str, job_path: str, result_path: str) -> None:
    """Do the job and write what was measured."""
    job: dict[str, Any] = json.loads(Path(job_path).read_text(encoding="utf-8"))
    module, options = SIDES[side]
    result = getattr(import_module(module), job["kind"])(job, **options)
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
