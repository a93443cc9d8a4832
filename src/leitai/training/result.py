"""What a finished run leaves, in memory and on disk."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from leitai.base.files import read_json, write_json

RESULT_FILE = "result.json"  # the same for the same run on the same machine
COST_FILE = "cost.json"  # clocks and memory, never twice the same


@dataclass(frozen=True, slots=True)
class TrainResult:
    """A finished run.

    Attributes:
        output: the `model/` folder (Hugging Face) or the `adapter/` folder (PEFT).
        steps: updates done.
        best_step: the step whose weights were kept; the last one when there was no validation.
        best_loss: their validation loss, in nats a target token; None without validation.
        best_bits_per_byte: the same in bits per UTF-8 byte of the answers, which can be compared
            between tokenizers.
        final_loss: training loss of the last step, in nats a target token.
        epochs: passes over the rows, the last one perhaps in part.
        stopped_early: whether patience ended the run.
        train_tokens: tokens read, padding left out, all epochs together.
        target_tokens: those of them that were to be predicted.
        train_rows: rows trained on.
        valid_rows: rows validated on.
        trainable_parameters: trained numbers.
        seconds: time in the training loop, validation included, over all resumed parts; work that
            a kill has undone is not counted.
        peak_bytes: largest memory of the process in any part.
        best_score: the validation metric that chose the weights; None where it was the loss.
        notes: what the user should know, such as a damaged checkpoint that was passed over.
    """

    output: Path
    steps: int
    best_step: int
    best_loss: float | None
    best_bits_per_byte: float | None
    final_loss: float
    epochs: float
    stopped_early: bool
    train_tokens: int
    target_tokens: int
    train_rows: int
    valid_rows: int
    trainable_parameters: int
    seconds: float
    peak_bytes: int
    best_score: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def tokens_per_second(self) -> float:
        """Tokens read a second."""
        return self.train_tokens / self.seconds if self.seconds else 0.0

    def write(self, run_folder: Path, identity: dict[str, Any]) -> None:
        """Write the two files; what depends on the clock is kept apart.

        Raises:
            LeitaiError: the disk is full.
        """
        values = asdict(self)
        cost = {name: values.pop(name) for name in ("seconds", "peak_bytes", "notes")}
        cost["tokens_per_second"] = self.tokens_per_second
        values["output"] = self.output.name
        if self.best_score is None:
            del values["best_score"]
        write_json(run_folder / COST_FILE, cost)
        write_json(run_folder / RESULT_FILE, {"identity": identity, "result": values})


def read_result(run_folder: Path) -> tuple[dict[str, Any], TrainResult] | None:
    """Return (identity, result) of a finished run, or None when it is not finished.

    Raises:
        LeitaiError: the files are there but damaged.
    """
    if not (run_folder / RESULT_FILE).exists():
        return None
    content, cost = read_json(run_folder / RESULT_FILE), read_json(run_folder / COST_FILE)
    values = content["result"] | {key: cost[key] for key in ("seconds", "peak_bytes")}
    values["notes"] = tuple(cost["notes"])
    values["output"] = run_folder / values["output"]
    return content["identity"], TrainResult(**values)
