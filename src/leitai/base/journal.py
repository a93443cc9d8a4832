"""A file that only grows, a line at a time: what is written stays, whatever happens next."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from leitai.base.errors import LeitaiError
from leitai.base.files import disk_error, fsync_folder, to_json


class Journal:
    """A JSONL file; a line is on the disk before `append` returns. For one process at a time.

    A line that a kill cut short is taken off when the file is opened again, so that the next one
    does not continue it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None

    def read(self) -> Iterator[Any]:
        """Yield the values of all whole lines, oldest first.

        Raises:
            LeitaiError: the file cannot be read, or a line before the last is damaged.
        """
        if not self.path.exists():
            return
        try:
            with self.path.open("rb") as file:
                line = file.readline()
                number = 1
                while line:
                    following = file.readline()
                    value, whole = _decode(line)
                    if whole:
                        yield value
                    elif following:
                        raise LeitaiError(
                            "not a line of JSON",
                            where=f"{self.path}, line {number}",
                            remedy="delete this line and run the same command again",
                        )
                    line, number = following, number + 1
        except OSError as error:
            raise LeitaiError(f"cannot read ({error.strerror})", where=self.path) from error

    def append(self, value: Any) -> None:
        """Add one value, durably; from any thread.

        Raises:
            LeitaiError: the disk is full or the folder cannot be written.
        """
        line = to_json(value).encode("utf-8") + b"\n"
        with self._lock:
            try:
                if self._file is None:
                    self._file = self._open()
                self._file.write(line)
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError as error:
                raise disk_error(error, self.path) from error

    def close(self) -> None:
        """Close the file; `append` opens it again."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _open(self) -> IO[bytes]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        file = self.path.open("ab+")
        file.seek(0)
        kept, line = 0, b""
        for line in file:
            kept += len(line)
        if line and not _decode(line)[1]:
            file.truncate(kept - len(line))
        file.seek(0, os.SEEK_END)
        if is_new:
            fsync_folder(self.path.parent)
        return file


def _decode(line: bytes) -> tuple[Any, bool]:
    """Return a line's value, and whether the line is whole."""
    if not line.endswith(b"\n"):
        return None, False
    try:
        return json.loads(line), True
    except (ValueError, RecursionError):
        return None, False
