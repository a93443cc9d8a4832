"""Stop when validation no longer improves, and remember when it was best."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class EarlyStopping:
    """The record of validation so far.

    Attributes:
        patience: evaluations in a row without a better one that end the run; None never does.
        best_loss: lowest validation loss so far; None before the first evaluation.
        best_step: the step that had it.
        waited: evaluations since then.
    """

    patience: int | None
    best_loss: float | None = None
    best_step: int = 0
    waited: int = 0

    def update(self, step: int, loss: float) -> bool:
        """Take in an evaluation; return whether it is the best so far (a tie is not better)."""
        if self.best_loss is None or loss < self.best_loss:
            self.best_loss, self.best_step, self.waited = loss, step, 0
            return True
        self.waited += 1
        return False

    @property
    def exhausted(self) -> bool:
        """Whether the run should end."""
        return self.patience is not None and self.waited >= self.patience

    def to_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return asdict(self)
