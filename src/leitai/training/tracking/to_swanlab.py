"""SwanLab; offline, in the run folder, unless there is a key or SWANLAB_MODE says so."""

import os
from collections.abc import Mapping

import swanlab

from leitai.training.tracking.interface import PROJECT, Run

# Output, packages, repository and machine stay unknown to it.
_SETTINGS = swanlab.Settings(
    interactive=False,
    terminal={"proxy_type": "none"},
    probe=dict.fromkeys(("hardware", "runtime", "requirements", "conda", "git", "monitor"), False),
)


class SwanLab:
    """One run, resumed by its id where it is online; offline, each part is a run of its own."""

    def __init__(self, run: Run) -> None:
        """Open or resume the run; never asks for a key."""
        key = os.environ.get("SWANLAB_API_KEY")
        mode = os.environ.get("SWANLAB_MODE") or ("online" if key else "offline")
        folder = run.folder / "swanlog"
        folder.mkdir(parents=True, exist_ok=True)
        online = mode in ("online", "cloud")
        self._run = swanlab.init(
            project=os.environ.get("SWANLAB_PROJECT", PROJECT),
            name=run.name,
            log_dir=str(folder),
            mode=mode,
            config=dict(run.config),
            id=run.known_as if online else None,
            resume="allow" if online else None,
            settings=_SETTINGS,
        )
        self.run_id = str(self._run.id)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to each curve."""
        self._run.log(dict(values), step=step)

    def text(self, step: int, name: str, markdown: str) -> None:
        """Add a text."""
        self._run.log({name: swanlab.Text(markdown)}, step=step)

    def close(self, finished: bool) -> None:
        """Write what is left."""
        self._run.finish("success" if finished else "aborted")


def start(run: Run) -> SwanLab:
    """Open the tracker."""
    return SwanLab(run)
