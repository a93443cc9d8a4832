"""Every number that an evaluation can report: which way is better, and what difference matters."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, slots=True)
class Measure:
    """How a metric is to be read; its words are in `leitai.comparison.metric_words`.

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
        # customer service
        "out_of_scope_recall": Measure(),
        "in_scope_accuracy": Measure(),
        "handoff_precision": Measure(),
        "handoff_recall": Measure(),
        "over_escalation": Measure(higher_is_better=False),
        "sentence_chrf": Measure(margin=0.02),
        "rouge_l": Measure(margin=0.02),
        # recommendation
        "hit_rate@1": Measure(margin=0.02),
        "hit_rate@5": Measure(margin=0.02),
        "hit_rate@10": Measure(margin=0.02),
        "ndcg@10": Measure(margin=0.02),
        "mrr": Measure(margin=0.02),
        "sampled_hit_rate@1": Measure(margin=0.02),
        "sampled_hit_rate@5": Measure(margin=0.02),
        "sampled_hit_rate@10": Measure(margin=0.02),
        "sampled_ndcg@10": Measure(margin=0.02),
        "sampled_mrr": Measure(margin=0.02),
        "invented_titles": Measure(higher_is_better=False),
        "position_bias": Measure(higher_is_better=False, margin=0.05, unit="number"),
        "order_agreement": Measure(),
        "reason_in_history": Measure(),
        "reason_faithful": Measure(margin=0.05),
        # dialogue
        "contradictions": Measure(higher_is_better=False, margin=0.01),
        "repeated_turn": Measure(higher_is_better=False),
        # question answering
        "answer_f1": Measure(),
        "answer_exact": Measure(),
        "answerable_f1": Measure(),
        "abstention_precision": Measure(),
        "abstention_recall": Measure(),
        # knowledge graphs
        "execution_accuracy": Measure(),
        "query_runs": Measure(),
        "query_match": Measure(),
        "query_terms_f1": Measure(),
        # translation
        "sentence_chrf_pp": Measure(margin=0.01),
        "chrf_pp": Measure(margin=0.01),
        "bleu": Measure(margin=0.01),
        "untranslated": Measure(higher_is_better=False, margin=0.01),
        # writing
        "constraints_met": Measure(),
        "all_constraints_met": Measure(),
        "distinct_1": Measure(margin=0.02),
        "distinct_2": Measure(margin=0.02),
        "repetition_4": Measure(higher_is_better=False, margin=0.02),
        "units_written": Measure(unit="number", margin=5.0),
        # mathematics
        "accuracy_if_unparsed_right": Measure(),
    }
)
"""By name; deciding metrics and further ones alike."""
