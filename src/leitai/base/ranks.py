"""Which of a job's processes this one is, as torchrun and `leitai train --ranks` tell it."""

import os


def rank() -> int:
    """Return this process's number among `world_size()`, 0 if it is alone."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """Return how many processes work on the job."""
    return int(os.environ.get("WORLD_SIZE", "1"))
