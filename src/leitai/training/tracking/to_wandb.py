"""Weights & Biases; offline, in the run folder, unless there is a key or WANDB_MODE says so."""

import netrc
import os
import uuid
from collections.abc import Mapping

import wandb

from leitai.training.tracking.interface import PROJECT, Run


def _has_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators("api.wandb.ai") is not None
    except (OSError, netrc.NetrcParseError):
        return False


class WandB:
    """One run, resumed by its id; output, code, repository and machine stay unknown to it."""

    def __init__(self, run: Run) -> None:
        """Open or resume the run; never asks for a key."""
        mode = os.environ.get("WANDB_MODE") or ("online" if _has_key() else "offline")
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=run.name,
            id=run.known_as or uuid.uuid4().hex[:8],
            resume="allow",
            dir=str(run.folder),
            mode=mode,
            config=dict(run.config),
            reinit="create_new",
            settings=wandb.Settings(
                console="off",
                save_code=False,
                disable_code=True,
                disable_git=True,
                x_disable_meta=True,
                x_disable_stats=True,
                init_timeout=60,
                silent=True,
            ),
        )
        self.run_id = str(self._run.id)
        # A resumed run tells some steps again, which wandb's own ever-rising axis would drop.
        self._run.define_metric("*", step_metric="step")

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to each curve."""
        self._run.log({**values, "step": step})

    def text(self, step: int, name: str, markdown: str) -> None:
        """Add a text."""
        table = wandb.Table(columns=["step", "text"], data=[[step, markdown]])
        self._run.log({name: table, "step": step})

    def close(self, finished: bool) -> None:
        """Write what is left."""
        self._run.finish(exit_code=0 if finished else 1)


def start(run: Run) -> WandB:
    """Open the tracker."""
    return WandB(run)
