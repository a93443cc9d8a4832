"""What is said of a metric."""

from dataclasses import dataclass

from leitai.comparison.wording import Bilingual, Unit


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric is called, how it is written, and what it means."""

    name: Bilingual
    unit: Unit
    meaning: Bilingual
