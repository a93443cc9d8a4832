"""One process to a run folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from leitai.base.errors import LeitaiError


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold the run folder for this process; the lock goes with the process, even after kill -9.

    Raises:
        LeitaiError: another process holds it, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise LeitaiError(
            "this run folder is in use by another process",
            where=folder,
            remedy="wait for it, stop it, or choose another --out folder",
        ) from error
    except OSError as error:
        raise LeitaiError(
            f"cannot use this folder ({error.strerror})",
            where=folder,
            remedy="choose another --out",
        ) from error
    try:
        yield
    finally:
        lock.release()
