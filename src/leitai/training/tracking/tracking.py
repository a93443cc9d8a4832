"""Tell all trackers of a run the same; one that fails is left out from then on."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from leitai.training.tracking.interface import Tracker
from leitai.training.tracking.secrets import without_secrets

_TAGS = {
    "loss": "train/loss",
    "learning_rate": "train/learning_rate",
    "gradient_norm": "train/gradient_norm",
    "epoch": "train/epoch",
    "tokens_per_second": "speed/tokens_per_second",
    "peak_bytes": "memory/peak_bytes",
}
_logger = logging.getLogger("leitai.training")


def _tag(key: str) -> str | None:
    return f"valid/{key[6:]}" if key.startswith("valid_") else _TAGS.get(key)


@dataclass
class Tracking:
    """The trackers of a run; none by default.

    Attributes:
        trackers: by name.
    """

    trackers: dict[str, Tracker] = field(default_factory=dict)

    def take(self, line: Mapping[str, Any]) -> None:
        """Take a line of `metrics.jsonl`, `clock.jsonl` or `samples.jsonl`."""
        if not self.trackers:
            return
        step = line["step"]
        found = {tag: value for key, value in line.items() if (tag := _tag(key)) is not None}
        values = {tag: float(value) for tag, value in found.items() if value is not None}
        if values:
            self._each(lambda tracker: tracker.scalars(step, values))
        if "samples" in line:
            text = str(without_secrets(_markdown(line["samples"])))
            self._each(lambda tracker: tracker.text(step, "samples", text))

    def close(self, finished: bool) -> None:
        """Close all."""
        self._each(lambda tracker: tracker.close(finished))
        self.trackers.clear()

    def _each(self, do: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self.trackers.items()):
            try:
                do(tracker)
            except Exception as error:  # whatever a tracker does, training goes on
                del self.trackers[name]
                warn(name, error)

    def __enter__(self) -> "Tracking":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(finished=error is None)


def warn(name: str, error: Exception) -> None:
    """Say once that a tracker has failed."""
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    _logger.warning(
        "%s has failed and is left out from here on; metrics.jsonl goes on (%s)",
        name,
        without_secrets(reason),
    )


def _markdown(samples: list[dict[str, str]]) -> str:
    parts = [
        f"**{sample['prompt']}**\n\n{sample['written']}\n\n_expected: {sample['expected']}_"
        for sample in samples
    ]
    return "\n\n---\n\n".join(parts)
