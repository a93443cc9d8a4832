"""`leitai train --ranks N`: the same command as N processes of one job on this machine."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from leitai.base import LeitaiError

GRACE = 5.0  # seconds that the others get to end by themselves when one has ended badly
_LOOK = 0.05  # seconds between two looks at the processes


def launch(ranks: int) -> None:
    """Run this command line in `ranks` processes and wait for all of them.

    The environment tells each its place, as torchrun does. Ctrl-C reaches all of them; they write
    a checkpoint and end together.

    Raises:
        LeitaiError: a process was killed.
        SystemExit: one ended with an error, which it has told of.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": ranks, "LOCAL_WORLD_SIZE": ranks, "MASTER_PORT": port}
    shared |= {"MASTER_ADDR": "127.0.0.1"}
    threads = max(1, (os.cpu_count() or 1) // ranks)
    command = [sys.executable, "-m", "leitai", *sys.argv[1:]]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    processes = []
    try:
        for rank in range(ranks):
            place = {"OMP_NUM_THREADS": threads} | os.environ
            place |= shared | {"RANK": rank, "LOCAL_RANK": rank}
            text = {key: str(value) for key, value in place.items()}
            # an ignored signal would stay ignored in the new process
            start = signal.signal(signal.SIGINT, signal.default_int_handler)
            processes.append(subprocess.Popen(command, env=text))
            signal.signal(signal.SIGINT, start)
        _wait(processes)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
        signal.signal(signal.SIGINT, before)
    codes = [process.wait() for process in processes]
    told = [code for code in codes if code > 0]
    if any(code == -signal.SIGKILL for code in codes) and not told:
        raise LeitaiError(
            "a process of this job was killed",
            where=f"rank {codes.index(-signal.SIGKILL)}",
            remedy="run the same command again with --resume, on as many processes as you like",
        )
    if any(codes):
        raise SystemExit(next(iter(told), 1))


def _wait(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Return when all have ended, or one badly and the others have had their time."""
    ended = None
    while any(process.poll() is None for process in processes):
        if ended is None and any(process.returncode for process in processes):
            ended = time.monotonic()
        if ended is not None and time.monotonic() - ended > GRACE:
            return
        time.sleep(_LOOK)
