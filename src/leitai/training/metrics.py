"""Lines of JSON appended while a run goes on; cut back to the checkpoint when it resumes."""

import json
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from leitai.base import LeitaiError
from leitai.base.files import to_json, write_text


def _lines_until(path: Path, step: int) -> list[str]:
    """Return the whole lines up to a step; a line that a kill cut short is left out."""
    kept = []
    text = path.read_bytes().decode("utf-8", errors="replace") if path.exists() else ""
    for line in text.splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except (ValueError, KeyError, TypeError):
            continue
    return kept


class MetricsLog:
    """A JSONL file that holds each step once, whatever was killed and resumed.

    Every line has a `step`. Lines are flushed as they are written, so that another program can
    follow the run.
    """

    def __init__(
        self,
        path: Path | None,
        resume_step: int,
        tell: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        """Open the file and drop the lines after `resume_step`, which are about to come again.

        Args:
            path: the file; None writes nothing.
            resume_step: updates done.
            tell: called with each line once it is written.

        Raises:
            LeitaiError: the file cannot be written.
        """
        self._path, self._tell = path, tell
        self._file: IO[str] | None = None
        if path is not None:
            lines = _lines_until(path, resume_step) if resume_step else []
            write_text(path, "".join(f"{line}\n" for line in lines))
            self._file = path.open("a", encoding="utf-8")

    def write(self, values: dict[str, Any]) -> None:
        """Append one line.

        Raises:
            LeitaiError: the disk is full.
        """
        if self._file is None:
            return
        try:
            self._file.write(to_json(values) + "\n")
            self._file.flush()
        except OSError as error:
            raise LeitaiError(
                f"cannot write ({error.strerror})",
                where=self._path,
                remedy="free some space and run the same command again",
            ) from error
        if self._tell is not None:
            self._tell(values)

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
