"""The exact token ids: how a prompt begins, how an answer ends, how long labels and texts are."""

from collections.abc import Sequence

from leitai.comparison.audit.findings import Finding, Material, Side, sample, seen, shown
from leitai.comparison.audit.view import LocalView
from leitai.data import Row
from leitai.evaluation import Classification, Task
from leitai.evaluation.asking import question_and_answer


def check_beginning(sides: Sequence[Side], material: Material) -> list[Finding]:
    """Count beginning-of-sequence tokens: one for Llama 3, none for Qwen.

    For any other architecture one where its tokenizer begins a plain text with it; a template that
    leaves it out is a warning, since some are made so.
    """
    found, refused, strange = {}, False, False
    for side, view in seen(sides):
        bos = view.bos_id
        prompts = [view.prompt(row, side.prompting) for row in sample(material)]
        counts = {prompt.count(bos) if bos is not None else 0 for prompt in prompts}
        if len(counts) > 1 or not counts <= view.bos_allowed:
            strange = True
            refused = refused or isinstance(view, LocalView) or max(counts) > 1
        found[side.key] = ", ".join(map(str, sorted(counts)))
    return [
        Finding(
            "bos",
            {"en": "beginning-of-sequence tokens in a prompt", "zh": "每个提示中的起始符数量"},
            shown(sides, found),
            "refused" if refused else "warning" if strange else "ok",
            {
                "en": "Llama 3 expects exactly one, Qwen none, others what their tokenizer puts "
                "before a text; repair the chat template",
                "zh": "Llama 3 应恰有一个，Qwen 应没有，其他应与分词器自行添加的一致；"
                "否则请修正聊天模板",
            },
        )
    ]


def check_end(sides: Sequence[Side], material: Material) -> list[Finding]:
    """See that the token that ends an answer is one that writing stops at."""
    row = sample(material)[0]
    found, right = {}, True
    for side, view in seen(sides):
        names = {i: text for text, i in view.special.items()}
        stops = sorted(view.stop_ids)
        found[side.key] = " ".join(names.get(i, str(i)) for i in stops) or "none"
        last = view.answers(row, side.prompting, ["?"])[0][-1]
        right = right and last in view.stop_ids
    return [
        Finding(
            "stop",
            {"en": "tokens that end an answer", "zh": "结束回答的标记"},
            shown(sides, found),
            "ok" if right else "refused",
            {
                "en": "every answer ends with one of them, and it is learnt; else name the right "
                "eos_token_id in generation_config.json",
                "zh": "每个回答都以其中之一结尾且参与训练；否则请在 generation_config.json 中"
                "写明正确的 eos_token_id",
            },
        )
    ]


def check_labels(sides: Sequence[Side], material: Material) -> list[Finding]:
    """Refuse labels that are the same to a tokenizer."""
    return [
        _label_finding(task, sides, material)
        for task in material.spec.tasks
        if isinstance(task, Classification)
    ]


def _label_finding(task: Task, sides: Sequence[Side], material: Material) -> Finding:
    labels, row = material.labels[task.name], material.items[task.name][0]
    found, clash = {}, False
    for side, view in seen(sides):
        ids = view.answers(row, side.prompting, labels)
        clash = clash or len({tuple(x) for x in ids}) < len(labels)
        found[side.key] = f"{sum(map(len, ids)) / len(ids):.2f}"
    return Finding(
        f"labels:{task.name}",
        {
            "en": f"tokens for one of the {len(labels)} labels of {task.name}, mean",
            "zh": f"{task.name} 的 {len(labels)} 个标签平均每个的词元数",
        },
        shown(sides, found),
        "refused" if clash else "note",
        {
            "en": "labels are scored whole, end of turn included, so their length is no advantage"
            if not clash
            else "two labels have the same tokens; rename one",
            "zh": "标签整体计分（含结束符），长度不构成优势"
            if not clash
            else "有两个标签词元相同，请改名",
        },
    )


def check_density(sides: Sequence[Side], material: Material) -> list[Finding]:
    """Tell how many tokens a character takes, by language."""
    findings = []
    rows = sample(material)
    for language in sorted({row.language for row in rows if row.language}):
        texts = [question_text(row) for row in rows if row.language == language]
        characters = sum(map(len, texts))
        found = {
            side.key: f"{sum(len(view.encode(t)) for t in texts) / characters:.3f}"
            for side, view in seen(sides)
        }
        findings.append(
            Finding(
                f"density:{language}",
                {"en": f"tokens per character ({language})", "zh": f"每字符词元数（{language}）"},
                shown(sides, found),
                "note",
                {
                    "en": "fewer is cheaper; budgets are equal in rows, not in tokens",
                    "zh": "越少越省；预算按样本数相等，而非词元数",
                },
            )
        )
    return findings


def question_text(row: Row) -> str:
    """Return everything that precedes the answer."""
    question, _ = question_and_answer(row)
    return "\n".join(str(message.get("content", "")) for message in question)
