"""Test items that stand in the training data: nearly whole, or in a long run of words."""

from collections.abc import Sequence

from leitai.comparison.audit.findings import Finding, Material, Side
from leitai.data.contamination import LENGTH, shared_runs
from leitai.data.duplicates import overlap


def check_leakage(sides: Sequence[Side], material: Material) -> list[Finding]:
    """Count near-duplicates, and items that share a long run with a training row."""
    if not material.train:
        return []
    findings = []
    for task in material.spec.tasks:
        items = material.items[task.name]
        near = len(overlap(material.train, items))
        runs = len(shared_runs(material.train, items))
        note = {
            "en": "the same for all, but scores flatter all",
            "zh": "对各方相同，但会抬高各方成绩",
        }
        findings += [
            Finding(
                f"leak:{task.name}",
                {
                    "en": f"test items of {task.name} that nearly stand in the training data",
                    "zh": f"{task.name} 中与训练数据近乎重复的测试题",
                },
                tuple(str(near) for _ in sides),
                "warning" if near else "ok",
                note if near else {"en": "", "zh": ""},
            ),
            Finding(
                f"runs:{task.name}",
                {
                    "en": f"test items of {task.name} that share {LENGTH} words (Chinese: "
                    "characters) in a row with the training data",
                    "zh": f"{task.name} 中与训练数据有连续 {LENGTH} 个词（中文为字）相同的测试题",
                },
                tuple(str(runs) for _ in sides),
                "note" if runs else "ok",
                note if runs else {"en": "", "zh": ""},
            ),
        ]
    return findings
