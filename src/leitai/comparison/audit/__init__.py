"""The fairness audit: what all sides would really see, before anything is spent on them.

Every check compares the contenders on the exact token ids of the run's own rows and says "ok",
"note" (unequal by nature, to be known when reading the result), "warning" or "refused". A refused
check stops the duel. Of a contender that runs elsewhere nothing can be seen, and the audit says so.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.comparison.audit import budget, leakage, lengths, templates, tokens
from leitai.comparison.audit.findings import Check, Finding, Material, Side, seen
from leitai.comparison.audit.view import ForeignView, LocalView, View
from leitai.comparison.pairing import KEYS

__all__ = [
    "Finding",
    "ForeignView",
    "LocalView",
    "Material",
    "Side",
    "View",
    "as_json",
    "audit",
    "refuse_unfair",
]

_OF_WHAT_IS_SEEN: tuple[Check, ...] = (
    tokens.check_beginning,
    tokens.check_end,
    templates.check_preamble,
    templates.check_date,
    lengths.check_context,
    lengths.check_truncation,
    tokens.check_labels,
    tokens.check_density,
    budget.check_adapted,
    budget.check_budget,
)
_OF_EVERYBODY: tuple[Check, ...] = (
    lengths.check_answers,
    leakage.check_leakage,
    leakage.check_repeats,
    templates.check_seen,
)


def audit(sides: Sequence[Side], material: Material) -> list[Finding]:
    """Run every check that has something to look at; return all findings, refused ones included."""
    checks = (*(_OF_WHAT_IS_SEEN if seen(sides) else ()), *_OF_EVERYBODY)
    return [finding for check in checks for finding in check(sides, material)]


def refuse_unfair(findings: Sequence[Finding]) -> None:
    """Stop when a check was refused.

    Raises:
        LeitaiError: names the first refused check, all values and what to do.
    """
    for finding in findings:
        if finding.status == "refused":
            values = "; ".join(
                f"{key}: {value}" for key, value in zip(KEYS, finding.values, strict=False)
            )
            raise LeitaiError(
                f"unfair: {finding.title['en']} ({values})",
                where="fairness audit",
                remedy=finding.note["en"],
            )


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Turn findings into what audit.json holds."""
    return [asdict(finding) for finding in findings]
