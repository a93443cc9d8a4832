"""Every number that an evaluation can report: which way is better, and what difference matters."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, slots=True)
class Measure:
    """How a metric is to be read; its words are in `leitai.comparison.wording`.

    Attributes:
        higher_is_better: its direction.
        margin: differences smaller than this rarely decide anything; a spec may know better.
        unit: "share" from 0 to 1, shown in percent; "bits" per byte; "number" for the rest.
    """

    higher_is_better: bool = True
    margin: float = 0.03
    unit: Literal["share", "bits", "number"] = "share"


MEASURES: MappingProxyType[str, Measure] = MappingProxyType(
    {
        "accuracy": Measure(),
        "exact_match": Measure(),
        "bits_per_byte": Measure(higher_is_better=False, margin=0.02, unit="bits"),
        "macro_f1": Measure(),
    }
)
"""By name; deciding metrics and further ones alike."""
