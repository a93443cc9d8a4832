"""The fairness audit as a reader wants it: how many checks ended how, and what to worry about."""

from collections import Counter
from collections.abc import Sequence

from leitai.comparison.report.data import Finding
from leitai.comparison.report.figures import cut
from leitai.comparison.report.strings import STRINGS
from leitai.comparison.wording import Bilingual

SIGNS = {"ok": "✓", "note": "○", "warning": "▲", "refused": "✕"}
"""Signs of an audit finding, readable without colour."""

_LONGEST = 90
"""Characters of a title, of all values or of an explanation in the short form."""


def audit_counts(findings: Sequence[Finding]) -> Bilingual:
    """Count the checks by how they ended: ``40 checks: ✓ 34 ok, ○ 3 note, ▲ 3 warning``."""
    counted = Counter[str](finding.status for finding in findings)
    parts = [
        (f"{sign} {counted[status]} ", STRINGS[f"status_{status}"])
        for status, sign in SIGNS.items()
        if counted[status]
    ]
    return STRINGS["audit_counts"].format(
        count=len(findings),
        parts=Bilingual(
            ", ".join(number + word.en for number, word in parts),
            "，".join(number + word.zh for number, word in parts),
        ),
    )


def worries(findings: Sequence[Finding], keys: Sequence[str]) -> list[Bilingual]:
    """Write every warning and refusal in a line or two, refusals first.

    Args:
        findings: of the audit.
        keys: of the contenders, in the order of the findings' values.
    """
    grave = [finding for finding in findings if finding.status in ("warning", "refused")]
    return [_worry(f, keys) for f in sorted(grave, key=lambda f: f.status != "refused")]


def _worry(finding: Finding, keys: Sequence[str]) -> Bilingual:
    sign, title, note = SIGNS[finding.status], finding.title, finding.note
    values = ", ".join(f"{k} {value}" for k, value in zip(keys, finding.values, strict=False))
    if len(set(finding.values)) == 1:
        values = finding.values[0]
    if len(values) > _LONGEST:
        values = ""
    en, zh = (values and f" ({values})"), (values and f"（{values}）")
    if note.en:
        en, zh = f"{en}: {cut(note.en, _LONGEST)}", f"{zh}：{cut(note.zh, _LONGEST)}"
    return Bilingual(
        f"{sign} {title.en[:1].upper()}{cut(title.en[1:], _LONGEST)}{en}",
        f"{sign} {cut(title.zh, _LONGEST)}{zh}",
    )
