"""The fairness audit: what both sides would really see, before anything is spent on them.

Every check compares the two contenders on the exact token ids of the run's own rows and says "ok",
"note" (unequal by nature, to be known when reading the result), "warning" or "refused". A refused
check stops the duel.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from leitai.base.errors import LeitaiError
from leitai.comparison.spec import CompareSpec
from leitai.data import Row, with_system
from leitai.data.duplicates import overlap
from leitai.evaluation import Classification, Task
from leitai.evaluation.asking import Prompting, answer_ids, prompt_ids, question_and_answer

if TYPE_CHECKING:
    from leitai.text import Chat, Tokenizer

Status = Literal["ok", "note", "warning", "refused"]

SAMPLE = 200
"""Rows looked at per task and side where looking at all would cost too much."""

_BOS_PER_FAMILY = {"llama": 1, "qwen2": 0, "qwen3": 0}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the audit.

    Attributes:
        check: a stable identifier.
        title: what was looked at, by language.
        values: what was found, for A and for B.
        status: how grave it is.
        note: what it means or what to do, by language.
    """

    check: str
    title: dict[str, str]
    values: tuple[str, str]
    status: Status
    note: dict[str, str] = field(default_factory=lambda: {"en": "", "zh": ""})


@dataclass(frozen=True, slots=True)
class Side:
    """What the audit needs to know of one contender."""

    title: str
    family: str
    tokenizer: "Tokenizer"
    chat: "Chat"
    context: int
    trainable: int
    total: int
    prompting: Prompting


@dataclass(frozen=True, slots=True)
class Material:
    """The rows of the run, and what they will be used for."""

    spec: CompareSpec
    train: Sequence[Row]
    items: dict[str, Sequence[Row]]
    labels: dict[str, tuple[str, ...]]


def audit(sides: tuple[Side, Side], material: Material) -> list[Finding]:
    """Run every check and return the findings, refused ones included."""
    return [finding for check in _CHECKS for finding in check(sides, material)]


def refuse_unfair(findings: Sequence[Finding]) -> None:
    """Stop when a check was refused.

    Raises:
        LeitaiError: names the first refused check, both values and what to do.
    """
    for finding in findings:
        if finding.status == "refused":
            raise LeitaiError(
                f"unfair: {finding.title['en']} (A: {finding.values[0]}; B: {finding.values[1]})",
                where="fairness audit",
                remedy=finding.note["en"],
            )


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Turn findings into what audit.json holds."""
    return [asdict(finding) for finding in findings]


def _both(value: Callable[[Side], str], sides: tuple[Side, Side]) -> tuple[str, str]:
    return value(sides[0]), value(sides[1])


def _all_items(material: Material) -> list[Row]:
    rows = [row for rows in material.items.values() for row in rows[:SAMPLE]]
    return [_as_question(row) if len(row.messages) == 1 else row for row in rows]


def _as_question(row: Row) -> Row:
    """Look at a text that is only measured as if a user had sent it."""
    asked = {"role": "user", "content": row.messages[0]["content"]}
    return replace(row, messages=(asked, {"role": "assistant", "content": ""}))


def _bos(sides: tuple[Side, Side], material: Material) -> list[Finding]:
    counts: list[set[int]] = []
    for side in sides:
        bos = side.tokenizer.bos_id
        prompts = [prompt_ids(side.chat, row, side.prompting) for row in _all_items(material)]
        counts.append({prompt.count(bos) if bos is not None else 0 for prompt in prompts})
    right = all(
        found == {_BOS_PER_FAMILY[side.family]} for side, found in zip(sides, counts, strict=True)
    )
    return [
        Finding(
            "bos",
            {"en": "beginning-of-sequence tokens in a prompt", "zh": "每个提示中的起始符数量"},
            (_numbers(counts[0]), _numbers(counts[1])),
            "ok" if right else "refused",
            {
                "en": "Llama 3 expects exactly one, Qwen none; repair the chat template",
                "zh": "Llama 3 应恰有一个，Qwen 应没有；否则请修正聊天模板",
            },
        )
    ]


def _numbers(values: set[int]) -> str:
    return ", ".join(str(value) for value in sorted(values)) or "0"


def _stops(sides: tuple[Side, Side], material: Material) -> list[Finding]:
    row = _all_items(material)[0]
    shown, trained = [], True
    for side in sides:
        names = {i: text for text, i in side.tokenizer.special.items()}
        shown.append(" ".join(names.get(i, str(i)) for i in sorted(side.chat.stop_ids)) or "none")
        last = answer_ids(side.chat, row, side.prompting, ["?"])[0][-1]
        trained = trained and last in side.chat.stop_ids
    return [
        Finding(
            "stop",
            {"en": "tokens that end an answer", "zh": "结束回答的标记"},
            (shown[0], shown[1]),
            "ok" if trained else "refused",
            {
                "en": "every answer ends with one of them, and it is learnt; else name the right "
                "eos_token_id in generation_config.json",
                "zh": "每个回答都以其中之一结尾且参与训练；否则请在 generation_config.json 中"
                "写明正确的 eos_token_id",
            },
        )
    ]


def _preamble(side: Side, row: Row) -> str:
    """Return the text that the template puts before the dialogue, without control tokens."""
    question, _ = question_and_answer(row)
    messages = list(with_system(question, side.prompting.system))
    text = side.chat.render(
        messages, tools=row.tools, date=side.prompting.date, thinking=side.prompting.thinking
    )
    before = text.split(str(messages[0]["content"]).strip(), 1)[0]
    for special in side.tokenizer.special:
        before = before.replace(special, "\n")
    roles = {"system", "user", "assistant", ""}
    return " / ".join(line for line in map(str.strip, before.split("\n")) if line not in roles)


def _system(sides: tuple[Side, Side], material: Material) -> list[Finding]:
    found = _both(lambda side: _preamble(side, _all_items(material)[0]), sides)
    chosen = material.spec.prompting.system
    status: Status = "ok"
    if found[0] != found[1]:
        status = "refused" if chosen is None else "warning"
    return [
        Finding(
            "system",
            {
                "en": "text that the template adds by itself",
                "zh": "模板自行添加的文字",
            },
            (found[0] or "none", found[1] or "none"),
            status,
            {
                "en": "set prompting.system to a neutral prompt for both, or to 'native' to "
                "compare the templates as shipped",
                "zh": "可把 prompting.system 设为双方相同的中性提示，或设为 native 按原样比较",
            },
        )
    ]


def _date(sides: tuple[Side, Side], material: Material) -> list[Finding]:
    return [
        Finding(
            "date",
            {"en": "date that templates may print (pinned)", "zh": "模板可能打印的日期（已固定）"},
            _both(lambda side: str(side.prompting.date), sides),
            "ok",
        )
    ]


def _length(sides: tuple[Side, Side], material: Material) -> list[Finding]:
    """Count what does not fit: items beyond the context, training rows beyond max_length."""
    adapt = material.spec.adapt
    beyond = [0, 0]
    for i, side in enumerate(sides):
        for row in _all_items(material):
            reference = str(question_and_answer(row)[1]["content"])
            size = len(prompt_ids(side.chat, row, side.prompting)) + len(
                side.tokenizer.encode(reference)
            )
            beyond[i] += size > side.context
    findings = [
        Finding(
            "context",
            {"en": "test items longer than the context", "zh": "超出上下文长度的测试题"},
            (str(beyond[0]), str(beyond[1])),
            "refused" if any(beyond) else "ok",
            {
                "en": "leave such items out: they cannot be asked",
                "zh": "请去掉这些题：无法完整提问",
            },
        )
    ]
    if adapt is not None:
        cut = [
            sum(len(_training_ids(side, row)) > adapt.max_length for row in material.train)
            for side in sides
        ]
        findings.append(
            Finding(
                "truncation",
                {
                    "en": f"training rows cut at max_length {adapt.max_length}",
                    "zh": f"被 max_length {adapt.max_length} 截断的训练样本",
                },
                (str(cut[0]), str(cut[1])),
                "ok" if not any(cut) else "refused" if cut[0] != cut[1] else "warning",
                {
                    "en": "raise adapt.max_length until no row is cut on one side only",
                    "zh": "请提高 adapt.max_length，直到没有样本只在一方被截断",
                },
            )
        )
    return findings


def _training_ids(side: Side, row: Row) -> list[int]:
    messages = list(with_system(row.messages, side.prompting.system))
    return side.chat.encode_training(
        messages, tools=row.tools, date=side.prompting.date, thinking=side.prompting.thinking
    ).ids


def _labels(sides: tuple[Side, Side], material: Material) -> list[Finding]:
    findings = []
    for task in material.spec.tasks:
        if isinstance(task, Classification):
            findings.append(_label_finding(task, sides, material))
    return findings


def _label_finding(task: Task, sides: tuple[Side, Side], material: Material) -> Finding:
    labels, row = material.labels[task.name], material.items[task.name][0]
    shown, clash = [], False
    for side in sides:
        ids = answer_ids(side.chat, row, side.prompting, labels)
        clash = clash or len({tuple(x) for x in ids}) < len(labels)
        shown.append(f"{sum(map(len, ids)) / len(ids):.2f}")
    return Finding(
        f"labels:{task.name}",
        {
            "en": f"tokens for one of the {len(labels)} labels of {task.name}, mean",
            "zh": f"{task.name} 的 {len(labels)} 个标签平均每个的词元数",
        },
        (shown[0], shown[1]),
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


def _density(sides: tuple[Side, Side], material: Material) -> list[Finding]:
    findings = []
    rows = _all_items(material)
    for language in sorted({row.language for row in rows if row.language}):
        texts = [_question_text(row) for row in rows if row.language == language]
        characters = sum(map(len, texts))
        shown = [
            f"{sum(len(side.tokenizer.encode(text)) for text in texts) / characters:.3f}"
            for side in sides
        ]
        findings.append(
            Finding(
                f"density:{language}",
                {"en": f"tokens per character ({language})", "zh": f"每字符词元数（{language}）"},
                (shown[0], shown[1]),
                "note",
                {
                    "en": "fewer is cheaper; budgets are equal in rows, not in tokens",
                    "zh": "越少越省；预算按样本数相等，而非词元数",
                },
            )
        )
    return findings


def _question_text(row: Row) -> str:
    question, _ = question_and_answer(row)
    return "\n".join(str(message.get("content", "")) for message in question)


def _budget(sides: tuple[Side, Side], material: Material) -> list[Finding]:
    adapt = material.spec.adapt
    if adapt is None:
        return []
    characters = sum(len(_question_text(row)) for row in material.train)
    rows = f"{len(material.train):,} rows, {characters:,} characters, at most {adapt.epochs} epochs"
    sizes = [side.trainable for side in sides]
    ratio = max(sizes) / max(1, min(sizes))
    tokens = [
        sum(len(_training_ids(side, row)) for row in material.train) * adapt.epochs
        for side in sides
    ]
    return [
        Finding(
            "budget",
            {"en": "data that each may learn from", "zh": "双方可用的训练数据"},
            (rows, rows),
            "ok",
        ),
        Finding(
            "tokens",
            {"en": "tokens that this makes at most", "zh": "由此产生的词元上限"},
            (f"{tokens[0]:,}", f"{tokens[1]:,}"),
            "note",
            {
                "en": "the same text costs each tokenizer a different number of tokens",
                "zh": "同样的文字在不同分词器下词元数不同",
            },
        ),
        Finding(
            "trainable",
            {"en": "trainable parameters", "zh": "可训练参数"},
            (f"{sizes[0]:,}", f"{sizes[1]:,}"),
            "ok" if ratio <= 1.1 else "warning",
            {
                "en": "within 10 % of each other"
                if ratio <= 1.1
                else f"one has {ratio:.2f} times as many: the duel is of sizes as well as families",
                "zh": "相差不超过 10%"
                if ratio <= 1.1
                else f"相差 {ratio:.2f} 倍：比较也受规模影响",
            },
        ),
    ]


def _leak(sides: tuple[Side, Side], material: Material) -> list[Finding]:
    if not material.train:
        return []
    findings = []
    for task in material.spec.tasks:
        shared = overlap(material.train, material.items[task.name])
        findings.append(
            Finding(
                f"leak:{task.name}",
                {
                    "en": f"test items of {task.name} that nearly stand in the training data",
                    "zh": f"{task.name} 中与训练数据近乎重复的测试题",
                },
                (str(len(shared)), str(len(shared))),
                "warning" if shared else "ok",
                {
                    "en": "the same for both sides, but scores flatter both" if shared else "",
                    "zh": "对双方相同，但会抬高双方成绩" if shared else "",
                },
            )
        )
    return findings


_CHECKS: tuple[Callable[[tuple[Side, Side], Material], list[Finding]], ...] = (
    _bos,
    _stops,
    _system,
    _date,
    _length,
    _labels,
    _density,
    _budget,
    _leak,
)
