"""The foundation: errors, files, locks, progress, memory. Knows nothing of models."""

from leitai.base.errors import InterruptedRunError, LeitaiError

__all__ = ["InterruptedRunError", "LeitaiError"]
