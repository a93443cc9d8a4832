"""The foundation: errors, files, locks, progress, memory. Knows nothing of models."""

from leitai.base.errors import LeitaiError

__all__ = ["LeitaiError"]
