"""Training on one process or on several: the loop asks `Ranks` and does not know which."""

from leitai.training.ranks.alone import Ranks
from leitai.training.ranks.joining import joined

__all__ = ["Ranks", "joined"]
