"""What a tracker is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

PROJECT = "leitai"


@dataclass(frozen=True)
class Run:
    """A run as its trackers know it.

    Attributes:
        name: for people.
        folder: the run folder; what a tracker keeps on this machine lies below it.
        step: updates done when it is opened; more than 0 when it is resumed.
        config: settings, without secrets.
        known_as: what the tracker called the run when it was opened before; None the first time.
    """

    name: str
    folder: Path
    step: int
    config: Mapping[str, Any]
    known_as: str | None = None


class Tracker(Protocol):
    """One place where curves go. It may raise anything; the run goes on without it then.

    Attributes:
        run_id: what to open it with when the run is resumed.
    """

    run_id: str

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Take numbers by name, such as ``train/loss``, after `step` updates."""

    def text(self, step: int, name: str, markdown: str) -> None:
        """Take a text for people."""

    def close(self, finished: bool) -> None:
        """Write what is left; `finished` is False after an error or an interrupt."""


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested settings: ``{"adapt": {"epochs": 3}}`` to ``{"adapt.epochs": 3}``."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result
