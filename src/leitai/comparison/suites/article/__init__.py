"""The claims of the article that Leitai grew from, each as an experiment."""

from leitai.comparison.suites.article.claims import CLAIMS, Claim
from leitai.comparison.suites.article.settings import Settings
from leitai.comparison.suites.article.suite import SuiteResult, run_article

__all__ = ["CLAIMS", "Claim", "Settings", "SuiteResult", "run_article"]
