"""What an experiment finds out, and what its findings say of a claim."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from leitai.comparison.statistics import across_arms, holm
from leitai.comparison.statistics.resampling import Array
from leitai.comparison.wording import Bilingual

ALPHA = 0.05
"""The level of the whole table: Holm's adjustment runs over the deciding tests of all claims."""

Sign = Literal["for", "against", "open"]
Verdict = Literal["supported", "refuted", "mixed", "undecided", "not_testable"]


@dataclass(frozen=True)
class Finding:
    """One number of an experiment.

    Attributes:
        name: what it is.
        value: the number; of a test, positive where it speaks for the claim.
        unit: of the number; empty for a plain one.
        low: lower end of its interval; None for a number that is exact or has none.
        high: the upper end.
        p: two-sided p of "no difference"; None where nothing was tested.
        holds: of an exact fact, whether it is as the claim says; None where it decides nothing.
    """

    name: Bilingual
    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    p: float | None = None
    holds: bool | None = None

    def as_dict(self) -> dict[str, Any]:
        """The form that goes into JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "Finding":
        """Read what `as_dict` wrote."""
        return cls(**{**value, "name": Bilingual(**value["name"])})


def compared(name: Bilingual, better: Array, worse: Array, unit: str = "") -> Finding:
    """Compare two ways on the same items and seeds; the claim says that `better` scores higher.

    The interval and p hold for new items and new seeds (`statistics.across_arms`).

    Args:
        name: what is compared.
        better: scores, [items, seeds].
        worse: the same of the other way.
        unit: of the scores.
    """
    found = across_arms(better[:, :, None], worse[:, :, None], alpha=ALPHA)
    return Finding(name, found.value, unit, found.interval.low, found.interval.high, found.p)


def described(name: Bilingual, scores: Array, unit: str = "") -> Finding:
    """Report the mean of scores, [items, seeds], with its interval; it decides nothing."""
    found = across_arms(scores[:, :, None], np.zeros_like(scores)[:, :, None], alpha=ALPHA)
    return Finding(name, found.value, unit, found.interval.low, found.interval.high)


def fact(name: Bilingual, value: float, unit: str = "", *, holds: bool | None = None) -> Finding:
    """Report a number that is exact."""
    return Finding(name, value, unit, holds=holds)


def adjusted(findings: Sequence[Sequence[Finding]]) -> list[list[float | None]]:
    """Adjust the p of all tests of all claims together (Holm, 1979); None stays None."""
    flat = [finding.p for group in findings for finding in group if finding.p is not None]
    values = iter(holm(flat))
    return [[None if f.p is None else next(values) for f in group] for group in findings]


def sign_of(finding: Finding, p: float | None) -> Sign | None:
    """Tell what a finding says of its claim under the adjusted p; None if it decides nothing."""
    if p is not None:
        if p >= ALPHA:
            return "open"
        return "for" if finding.value > 0 else "against"
    if finding.holds is None:
        return None
    return "for" if finding.holds else "against"


def verdict_of(signs: Sequence[Sign | None]) -> Verdict:
    """Put the signs of a claim's findings together.

    Supported or refuted: all that decides says the same. Mixed: it says different things, or only
    a part of it says something. Undecided: nothing does. Not testable: nothing decides.
    """
    said = {sign for sign in signs if sign is not None}
    if not said:
        return "not_testable"
    if said == {"for"}:
        return "supported"
    if said == {"against"}:
        return "refuted"
    return "undecided" if said == {"open"} else "mixed"
