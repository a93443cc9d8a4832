"""What the model writes to a few validation rows as it learns."""

from pathlib import Path

from leitai.training.metrics import MetricsLog
from leitai.training.tracking.tracking import Tracking
from leitai.training.validation import Trainee, Writer

FILE = "samples.jsonl"


class Samples:
    """Answers at each evaluation, into `samples.jsonl` and to the trackers."""

    def __init__(
        self, trainee: Trainee, write: Writer, run_folder: Path, step: int, tracking: Tracking
    ) -> None:
        """Prepare.

        Args:
            trainee: the model and the rows to answer.
            write: lets it answer them.
            run_folder: gets the file.
            step: updates done; later lines of the file are about to come again.
            tracking: is told too.
        """
        self._trainee, self._write = trainee, write
        self._path, self._kept, self._tracking = run_folder / FILE, step, tracking

    def __call__(self, step: int) -> None:
        """Answer the rows after `step` updates.

        Raises:
            LeitaiError: a row cannot be asked, or the disk is full.
        """
        written = self._write(self._trainee)
        samples = [
            {
                "prompt": str(row.messages[-2]["content"]) if len(row.messages) > 1 else "",
                "expected": str(row.messages[-1]["content"]),
                "written": text,
            }
            for row, text in zip(self._trainee.rows, written, strict=True)
        ]
        with MetricsLog(self._path, self._kept, self._tracking.take) as log:
            log.write({"step": step, "samples": samples})
        self._kept = step
