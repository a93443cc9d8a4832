"""Open the trackers that a spec names, or go on with those of a resumed run."""

import importlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from leitai.base import LeitaiError
from leitai.base.files import read_json, write_json
from leitai.training.tracking.interface import Run, Tracker
from leitai.training.tracking.names import PACKAGES, TrackerName
from leitai.training.tracking.secrets import without_secrets
from leitai.training.tracking.tracking import Tracking, warn

_IDS = "tracking.json"


def chosen(names: Sequence[TrackerName] | None) -> tuple[TrackerName, ...]:
    """Return the trackers to use: those named, else TensorBoard where it is installed.

    Raises:
        LeitaiError: the package of a named one is missing.
    """
    if names is None:
        return ("tensorboard",) if find_spec("tensorboard") else ()
    for name in names:
        module, command = PACKAGES[name]
        if find_spec(module) is None:
            raise LeitaiError(
                f"{name} is not installed", where=f"track: {name}", remedy=f"run {command}"
            )
    return tuple(dict.fromkeys(names))


def open_tracking(
    names: Sequence[TrackerName] | None,
    name: str,
    folder: Path,
    step: int,
    config: Mapping[str, Any],
) -> Tracking:
    """Open trackers for a run; one that cannot be opened is left out with a warning.

    Args:
        names: which; None is TensorBoard where it is installed.
        name: of the run, for people.
        folder: the run folder.
        step: updates done.
        config: settings to show; secrets in it are hidden first.

    Raises:
        LeitaiError: the package of a named tracker is missing, or the disk is full.
    """
    wanted = chosen(names)
    if not wanted:
        return Tracking()
    path = folder / _IDS
    ids: dict[str, str] = read_json(path) if path.exists() else {}
    run = Run(name, folder, step, without_secrets(config))
    trackers: dict[str, Tracker] = {}
    for tracker in wanted:
        try:
            module = importlib.import_module(f"leitai.training.tracking.to_{tracker}")
            start: Callable[[Run], Tracker] = module.start
            trackers[tracker] = start(replace(run, known_as=ids.get(tracker)))
            ids[tracker] = trackers[tracker].run_id
        except Exception as error:  # whatever a tracker does, training goes on
            warn(tracker, error)
    write_json(path, ids)
    return Tracking(trackers)


def forget(folder: Path) -> None:
    """Remove what TensorBoard has and which runs the others know, before a run starts anew."""
    shutil.rmtree(folder / "tensorboard", ignore_errors=True)
    (folder / _IDS).unlink(missing_ok=True)
