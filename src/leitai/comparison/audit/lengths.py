"""What does not fit: items beyond the context, training rows beyond max_length, long answers."""

from collections.abc import Sequence

from leitai.comparison.audit.findings import Finding, Material, Side, sample, seen, shown
from leitai.comparison.audit.view import LocalView
from leitai.data import Row, with_system
from leitai.evaluation.asking import question_and_answer, reference_of


def check_context(sides: Sequence[Side], material: Material) -> list[Finding]:
    """Refuse items that some contender cannot read whole."""
    beyond = {}
    for side, view in seen(sides):
        count = 0
        for row in sample(material):
            reference = str(question_and_answer(row)[1]["content"])
            size = len(view.prompt(row, side.prompting)) + len(view.encode(reference))
            count += view.context is not None and size > view.context
        beyond[side.key] = count
    return [
        Finding(
            "context",
            {"en": "test items longer than the context", "zh": "超出上下文长度的测试题"},
            shown(sides, {key: str(count) for key, count in beyond.items()}),
            "refused" if any(beyond.values()) else "ok",
            {
                "en": "leave such items out: they cannot be asked",
                "zh": "请去掉这些题：无法完整提问",
            },
        )
    ]


def check_truncation(sides: Sequence[Side], material: Material) -> list[Finding]:
    """Tell which training rows were shortened for all; refuse those that some would still cut."""
    adapt = material.spec.adapt
    if adapt is None:
        return []
    cut = {
        key: [number for number, count in enumerate(tokens) if count > adapt.max_length]
        for key, tokens in material.tokens.items()
    }
    unequal = len(set(map(tuple, cut.values()))) > 1
    findings = [
        Finding(
            "truncation",
            {
                "en": f"training rows cut at max_length {adapt.max_length}",
                "zh": f"被 max_length {adapt.max_length} 截断的训练样本",
            },
            shown(sides, {key: str(len(rows)) for key, rows in cut.items()}),
            "ok" if not any(cut.values()) else "refused" if unequal else "warning",
            {
                "en": "raise adapt.max_length until no row is cut on one side only",
                "zh": "请提高 adapt.max_length，直到没有样本只在一方被截断",
            },
        )
    ]
    if material.shortened:
        count = dict.fromkeys(material.tokens, str(material.shortened))
        findings.append(
            Finding(
                "shortened",
                {
                    "en": f"rows shortened to fit max_length {adapt.max_length}",
                    "zh": f"为满足 max_length {adapt.max_length} 而缩短的样本",
                },
                shown(sides, count),
                "warning",
                {
                    "en": "at the same character for all, whatever the tokenizer; raise "
                    "adapt.max_length to learn from whole rows",
                    "zh": "各方在同一字符处缩短，与分词器无关；"
                    "提高 adapt.max_length 可使用完整样本",
                },
            )
        )
    return findings


def check_answers(sides: Sequence[Side], material: Material) -> list[Finding]:
    """Warn where a task's limit of characters cuts what a right answer would need."""
    findings = []
    for task in material.spec.tasks:
        limit = getattr(task, "max_characters", None)
        if limit is None:
            continue
        longest = max(len(reference_of(row)) for row in material.items[task.name])
        findings.append(
            Finding(
                f"answer:{task.name}",
                {
                    "en": f"characters that an answer of {task.name} may have",
                    "zh": f"{task.name} 的回答字符数上限",
                },
                tuple(f"{limit:,}" for _ in sides),
                "ok" if longest <= limit else "warning",
                {
                    "en": f"the same text limit for all, whatever the tokenizer; the longest "
                    f"reference has {longest:,}",
                    "zh": "各方按相同的字符数限制，与分词器无关；"
                    f"最长的参考答案有 {longest:,} 个字符",
                },
            )
        )
    return findings


def training_ids(side: Side, view: LocalView, row: Row) -> list[int]:
    """Return the ids that the contender learns a row from, not cut."""
    messages = list(with_system(row.messages, side.prompting.system))
    return view.chat.encode_training(
        messages, tools=row.tools, date=side.prompting.date, thinking=side.prompting.thinking
    ).ids
