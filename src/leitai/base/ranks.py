"""Which of a job's processes this one is, as torchrun and `leitai train --ranks` tell it."""

import os
import sys
from typing import NoReturn


def rank() -> int:
    """Return this process's number among `world_size()`, 0 if it is alone."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """Return how many processes work on the job."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def end_process(code: int) -> NoReturn:
    """End a process of several at once, without taking the interpreter apart.

    Threads of gloo still let go of tensors then, and one that asks a dying interpreter for its lock
    aborts the process: a job that had finished would end with an error now and then.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
