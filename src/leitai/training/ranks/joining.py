"""Taking part in a job of several processes, and leaving it together."""

from collections.abc import Iterator
from contextlib import contextmanager

from leitai.base.ranks import world_size
from leitai.training.ranks.alone import Ranks


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """Give the processes that torchrun, or `leitai train --ranks`, has started for one job.

    Without either, nothing of torch.distributed is touched. If one of several ends with an error,
    all end: one of them tells of it, the others exit with its code, or 2, without a word.

    Args:
        device: "cpu" or "cuda".

    Raises:
        LeitaiError: another process is gone, or what the block raises.
    """
    if world_size() == 1:
        yield Ranks()
        return
    from leitai.training.ranks.group import Group

    group = Group(device)
    try:
        yield group
    except Exception as error:
        # the connections are not closed in order: that would wait for those who wait for this one
        told = group.failed(error)
        if told is error:
            raise
        raise told from error
    group.leave()
