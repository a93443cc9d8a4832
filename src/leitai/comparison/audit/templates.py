"""What chat templates add by themselves."""

from collections.abc import Sequence

from leitai.comparison.audit.findings import (
    Finding,
    Material,
    Side,
    Status,
    sample,
    seen,
    shown,
)
from leitai.comparison.audit.view import View
from leitai.data import Row, with_system
from leitai.evaluation.asking import question_and_answer


def check_preamble(sides: Sequence[Side], material: Material) -> list[Finding]:
    """Compare the text that templates put before the dialogue; unequal ones must be chosen."""
    row = sample(material)[0]
    found = {side.key: preamble(side, view, row) for side, view in seen(sides)}
    status: Status = "ok"
    if len(set(found.values())) > 1:
        status = "refused" if material.spec.prompting.system is None else "warning"
    return [
        Finding(
            "system",
            {
                "en": "text that the template adds by itself",
                "zh": "模板自行添加的文字",
            },
            shown(sides, {key: text or "none" for key, text in found.items()}),
            status,
            {
                "en": "set prompting.system to a neutral prompt for all, or to 'native' to "
                "compare the templates as shipped",
                "zh": "可把 prompting.system 设为各方相同的中性提示，或设为 native 按原样比较",
            },
        )
    ]


def preamble(side: Side, view: View, row: Row) -> str:
    """Return the text that the template puts before the dialogue, without control tokens."""
    question, _ = question_and_answer(row)
    messages = list(with_system(question, side.prompting.system))
    text = view.render(messages, row.tools, side.prompting)
    before = text.split(str(messages[0]["content"]).strip(), 1)[0]
    for special in view.special:
        before = before.replace(special, "\n")
    roles = {"system", "user", "assistant", ""}
    return " / ".join(line for line in map(str.strip, before.split("\n")) if line not in roles)


def check_date(sides: Sequence[Side], material: Material) -> list[Finding]:
    """Tell the date that templates may print."""
    return [
        Finding(
            "date",
            {"en": "date that templates may print (pinned)", "zh": "模板可能打印的日期（已固定）"},
            shown(sides, {side.key: str(side.prompting.date) for side, _ in seen(sides)}),
            "ok",
        )
    ]


def check_seen(sides: Sequence[Side], material: Material) -> list[Finding]:
    """Name those of whom nothing can be seen here."""
    if all(side.view is not None for side in sides):
        return []
    return [
        Finding(
            "unseen",
            {"en": "whether what it reads can be seen here", "zh": "能否在此查看其实际输入"},
            tuple("✓" if side.view is not None else "✕" for side in sides),
            "note",
            {
                "en": "it runs behind its own template and tokenizer: truncation and stop tokens "
                "of it cannot be checked, its prompts only as far as the server tells",
                "zh": "其模板与分词器不在此处：无法检查截断和结束符，提示只能核对服务器所示部分",
            },
        )
    ]
