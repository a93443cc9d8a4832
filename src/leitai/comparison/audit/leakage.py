"""Test items that were seen before: in the training data, or earlier in the test itself."""

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


def check_repeats(sides: Sequence[Side], material: Material) -> list[Finding]:
    """Count items whose dialogue up to the answer, white space aside, an earlier item has too."""
    findings = []
    for task in material.spec.tasks:
        asked = [
            tuple((str(m["role"]), " ".join(str(m.get("content") or "").split())) for m in shown)
            for row in material.items[task.name]
            if (shown := row.messages[:-1])
        ]
        again = len(asked) - len(set(asked))
        if again:
            findings.append(
                Finding(
                    f"repeats:{task.name}",
                    {
                        "en": f"test items of {task.name} that ask what an earlier one asks",
                        "zh": f"{task.name} 中与前面题目提问相同的测试题",
                    },
                    tuple(str(again) for _ in sides),
                    "note",
                    {
                        "en": f"counted as items of their own, so n is nearer {len(set(asked)):,}; "
                        "give rows that belong together one `group`",
                        "zh": f"按独立题目计，实际题数更接近 {len(set(asked)):,}；"
                        "相关的行可设同一 `group`",
                    },
                )
            )
    return findings
