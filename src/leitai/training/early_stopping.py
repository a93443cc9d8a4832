"""Stop when validation no longer improves, and remember when it was best."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class EarlyStopping:
    """The record of validation so far.

    Attributes:
        patience: evaluations in a row without a better one that end the run; None never does.
        higher_is_better: of the score; a loss is better low.
        best_score: the best one so far; None before the first evaluation.
        best_loss: the validation loss that went with it.
        best_step: the step that had it.
        waited: evaluations since then.
    """

    patience: int | None
    higher_is_better: bool = False
    best_score: float | None = None
    best_loss: float | None = None
    best_step: int = 0
    waited: int = 0

    def update(self, step: int, loss: float, score: float | None = None) -> bool:
        """Take in an evaluation; return whether it is the best so far (a tie is not better).

        Args:
            step: updates done.
            loss: of the validation rows.
            score: what decides; the loss where left out.
        """
        score = loss if score is None else score
        best = self.best_score
        if best is None or (score > best if self.higher_is_better else score < best):
            self.best_score, self.best_loss = score, loss
            self.best_step, self.waited = step, 0
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
