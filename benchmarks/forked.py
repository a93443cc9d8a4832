"""Work in processes of their own, measured from outside, each result kept on disk.

A child is forked with all libraries loaded, so that a short run does not pay for their start. Its
peak memory and processor time come from the system (wait4), not from its own word. Linux and macOS.
"""

import os
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from leitai.base.files import read_json, write_json

Result = dict[str, Any]
_IN_KIBIBYTES = sys.platform != "darwin"


def fork(work: Callable[[], Result], path: Path) -> int:
    """Start `work` in a child that writes what it returns beside `path`; return its process id."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        write_json(_unmeasured(path), work())
        status = 0
    except BaseException:  # the parent's stack is not this process's to unwind
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def run_all(
    works: Iterable[tuple[str, Path, Callable[[], Result]]],
    *,
    at_once: int,
    tell: Callable[[str], None],
) -> None:
    """Do all work whose file is not there yet; a file appears when its work is done and measured.

    Args:
        works: name, file of the result, and what returns it.
        at_once: children at a time.
        tell: gets a line for each piece of work.

    Raises:
        SystemExit: a child failed; what others finished stays.
    """
    waiting = {path: (name, work) for name, path, work in works if not path.exists()}
    running: dict[int, tuple[str, Path]] = {}
    total, done, failed = len(waiting), 0, ""
    while (waiting and not failed) or running:
        while waiting and not failed and len(running) < at_once:
            path = next(iter(waiting))
            name, work = waiting.pop(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            running[fork(work, path)] = name, path
        child, status, usage = os.wait4(-1, 0)
        name, path = running.pop(child)
        if status:
            failed = failed or name
            continue
        done += 1
        measured = {
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "peak_bytes": usage.ru_maxrss * (1024 if _IN_KIBIBYTES else 1),
        }
        unmeasured = _unmeasured(path)
        write_json(path, read_json(unmeasured) | measured)
        unmeasured.unlink()
        tell(f"{done}/{total} {name}: {measured['cpu_seconds']:.1f} s")
    if failed:
        raise SystemExit(f"{failed} failed; the same command goes on from here")


def _unmeasured(path: Path) -> Path:
    return path.with_suffix(".unmeasured")
