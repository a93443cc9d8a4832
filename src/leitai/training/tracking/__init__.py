"""Curves and written samples, shown by other programs while a run goes on.

`metrics.jsonl`, `clock.jsonl` and `samples.jsonl` are the record and always written; trackers are
told of the same lines and may fail without harm.
"""

from leitai.training.tracking.interface import Run, Tracker
from leitai.training.tracking.names import TrackerName
from leitai.training.tracking.opening import forget, open_tracking
from leitai.training.tracking.tracking import Tracking

__all__ = ["Run", "Tracker", "TrackerName", "Tracking", "forget", "open_tracking"]
