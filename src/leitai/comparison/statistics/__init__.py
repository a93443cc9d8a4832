"""Paired statistics for two contenders on the same items; arrays and counts in, numbers out."""

from leitai.comparison.statistics.binary import (
    Interval,
    mcnemar_exact,
    mcnemar_midp,
    tango_equivalence,
    tango_interval,
    wilson,
)
from leitai.comparison.statistics.compare import (
    BOOTSTRAP_MINIMUM,
    PairedComparison,
    compare_binary,
    compare_ratio,
)
from leitai.comparison.statistics.components import AcrossArms, across_arms
from leitai.comparison.statistics.multiplicity import holm
from leitai.comparison.statistics.pareto import pareto_front, quality_per_cost
from leitai.comparison.statistics.planning import (
    MoreItems,
    items_for_difference,
    items_for_equivalence,
    items_for_paired_binary,
    more_items,
)
from leitai.comparison.statistics.preference import Preference, bradley_terry
from leitai.comparison.statistics.resampling import (
    PairedBootstrap,
    paired_bootstrap,
    sign_flip_test,
)
from leitai.comparison.statistics.sequential import (
    EARLY_SHARE,
    Decision,
    Evidence,
    confidence_sequence,
    decided,
    evidence,
)

__all__ = [
    "BOOTSTRAP_MINIMUM",
    "EARLY_SHARE",
    "AcrossArms",
    "Decision",
    "Evidence",
    "Interval",
    "MoreItems",
    "PairedBootstrap",
    "PairedComparison",
    "Preference",
    "across_arms",
    "bradley_terry",
    "compare_binary",
    "compare_ratio",
    "confidence_sequence",
    "decided",
    "evidence",
    "holm",
    "items_for_difference",
    "items_for_equivalence",
    "items_for_paired_binary",
    "mcnemar_exact",
    "mcnemar_midp",
    "more_items",
    "paired_bootstrap",
    "pareto_front",
    "quality_per_cost",
    "sign_flip_test",
    "tango_equivalence",
    "tango_interval",
    "wilson",
]
