"""Ctrl-C at the end of a step instead of in its middle."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Interrupt:
    """Whether the user, or the system, has asked the run to stop.

    Attributes:
        signal: the number of the signal that did, None before.
    """

    signal: int | None = None


@contextmanager
def deferred_interrupts() -> Iterator[Interrupt]:
    """Note the first SIGINT or SIGTERM while the block runs; a second SIGINT stops at once.

    Outside the main thread, where Python allows no handlers, nothing changes.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return

    def note(number: int, frame: FrameType | None) -> None:
        if interrupt.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        interrupt.signal = number

    old = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield interrupt
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
