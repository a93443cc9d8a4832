"""What metrics are called in both languages, how they are written, and what they mean."""

from leitai.comparison.metric_words.answers import ANSWERS
from leitai.comparison.metric_words.metric import Metric
from leitai.comparison.metric_words.recommendation import RECOMMENDATION
from leitai.comparison.metric_words.service import SERVICE
from leitai.comparison.metric_words.texts import TEXTS
from leitai.comparison.wording import PLAIN, Bilingual

__all__ = ["METRICS", "Metric", "metric_of"]

METRICS: dict[str, Metric] = {**SERVICE, **RECOMMENDATION, **ANSWERS, **TEXTS}
"""By the names of `leitai.evaluation.measures.MEASURES`."""


def metric_of(name: str) -> Metric:
    """The words for a metric; an unknown one keeps its name and gets plain numbers."""
    plain = Bilingual.same(name.replace("_", " "))
    return METRICS.get(name) or Metric(plain, PLAIN, plain)
