"""What can be asked: checkpoints, endpoints, reference rows; all behind one protocol."""

from leitai.evaluation.respondents.interface import (
    Ability,
    Measured,
    Respondent,
    Weighed,
    Written,
    refuse_unable,
)

__all__ = ["Ability", "Measured", "Respondent", "Weighed", "Written", "refuse_unable"]
