"""A run whose numbers are no longer finite."""

import math
from collections.abc import Sequence
from pathlib import Path

from leitai.base import LeitaiError
from leitai.base.files import write_json

_NAMED_ROWS = 8


class DivergedError(LeitaiError):
    """A loss or gradient is infinite or not a number: the settings are at fault, not the run."""


def diverged_at(
    step: int, loss: float, norm: float, sources: Sequence[str], run_folder: Path
) -> DivergedError:
    """Write the rows of the step to `failure.json` and return the error that names them.

    Args:
        step: the one that failed, counted from 1.
        loss: of its rows.
        norm: of its gradient.
        sources: where its rows stand.
        run_folder: gets the file.

    Raises:
        LeitaiError: the disk is full.
    """
    what = f"the loss is {loss}" if not math.isfinite(loss) else f"the gradient norm is {norm}"
    write_json(run_folder / "failure.json", {"step": step, "what": what, "rows": list(sources)})
    more = len(sources) - _NAMED_ROWS
    rows = "; ".join(sources[:_NAMED_ROWS]) + (f" and {more} more" if more > 0 else "")
    return DivergedError(
        f"{what} at step {step}, rows: {rows} (all in failure.json); "
        f"the weights of step {step - 1} are kept in its checkpoint",
        where=run_folder,
        remedy="lower learning_rate, or look at these rows",
    )


def check_validation(loss: float, step: int, run_folder: Path) -> None:
    """Refuse to go on after `step` updates with a loss that says nothing.

    Raises:
        DivergedError: the validation loss is infinite or not a number.
    """
    if not math.isfinite(loss):
        raise DivergedError(
            f"the validation loss is {loss} after step {step}",
            where=run_folder,
            remedy="lower learning_rate",
        )
