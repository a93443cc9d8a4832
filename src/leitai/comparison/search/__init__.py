"""Fair search: the same number of trials, over the same ranges, for each contender."""

from leitai.comparison.search.halving import SEARCH_FILE, find_settings, take_over
from leitai.comparison.search.spec import SearchSpec

__all__ = ["SEARCH_FILE", "SearchSpec", "find_settings", "take_over"]
