"""Numbers as `verdict.json` writes them."""

from leitai.comparison.statistics import Interval


def rounded(value: float) -> float:
    """Six significant digits: all that is meant, and the same text on every machine."""
    return float(f"{value:.6g}") + 0.0


def ends(interval: Interval) -> dict[str, float]:
    """Both ends of an interval."""
    return {"low": rounded(interval.low), "high": rounded(interval.high)}
