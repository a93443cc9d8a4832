"""The bookshop's dialogues: when a person must take over, and what the assistant says next."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from leitai.data.lines import read_jsonl
from leitai.data.rows import Row
from leitai.data.turns import Dialogue, Turn, answers_of, names, vocabulary
from leitai.data.wordings import Templates, asked, wording

FOLDER = Path(str(files("leitai.data") / "bookshop"))

HANDOFF_LABELS = {"zh": ("转人工", "继续回答"), "en": ("hand over", "carry on")}
"""By language: what is answered when a person is needed, and when not."""

_RULE = {
    "zh": "以下情况要转人工：顾客正式投诉；涉及法律、警方或个人信息权利；"
    "钱款出了差错（扣款、退款、余额不对）；机器人反复没听懂；顾客要求和真人沟通。其他情况由机器人继续回答。",
    "en": "Hand over to a person when the customer makes a formal complaint; when the law, the "
    "police or rights over personal data come in; when money has gone wrong (a charge, a refund, "
    "a balance); when the bot has failed to understand more than once; or when the customer asks "
    "for a person. Otherwise the bot carries on.",
}
_HANDOFF: Templates = {
    "zh": (
        "你在灯下书店的客服系统里决定对话要不要交给人工客服。{rule}\n\n{dialogue}\n\n{how}",
        "{dialogue}\n\n以上是书店客服的一段对话。{rule}这段对话现在该怎么办？{how}",
        "规则：{rule}\n\n对话：\n{dialogue}\n\n请按规则判断。{how}",
    ),
    "en": (
        "You decide in a bookshop's customer service whether a conversation goes to a person. "
        "{rule}\n\n{dialogue}\n\n{how}",
        "{dialogue}\n\nThat was a conversation with a bookshop's bot. {rule} What should happen "
        "now? {how}",
        "Rules: {rule}\n\nConversation:\n{dialogue}\n\nDecide by the rules. {how}",
    ),
}
_LABEL_ONLY = {
    "zh": "只写“转人工”或“继续回答”。",
    "en": 'Write only "hand over" or "carry on".',
}
_WITH_REASON = {
    "zh": "第一行写“转人工”或“继续回答”，第二行用一句话写理由。",
    "en": 'Write "hand over" or "carry on" on the first line and the reason in one sentence on the '
    "second.",
}
_SPEAKERS = {"zh": ("顾客：", "机器人："), "en": ("Customer: ", "Bot: ")}

_SYSTEM: Templates = {
    "zh": (
        "你是灯下书店的客服，请用一两句话礼貌、准确地回答顾客。",
        "灯下书店在线客服：回答简短、友好，不与前面说过的内容矛盾。",
    ),
    "en": (
        "You work in customer service at Lamplight Books. Answer politely and to the point, in one "
        "or two sentences.",
        "Lamplight Books, online help: keep answers short and friendly, and do not contradict what "
        "was said before.",
    ),
}


def handoffs(number: int, *, reasons: bool) -> Iterator[Row]:
    """Yield each dialogue in both languages; the answer is whether a person must take over.

    Args:
        number: of the template.
        reasons: whether the answer has a second line with the reason.

    Raises:
        LeitaiError: there is no such template.
    """
    how = _WITH_REASON if reasons else _LABEL_ONLY
    view = "handoff_reasons" if reasons else "handoff"
    for line, record in read_jsonl(FOLDER / "handoffs.jsonl"):
        needed = record["cause"] != "none"
        for language, labels in HANDOFF_LABELS.items():
            shown = "\n".join(
                _SPEAKERS[language][place % 2] + text for place, text in enumerate(record[language])
            )
            template = wording(_HANDOFF, language, number, view)
            label = labels[0] if needed else labels[1]
            yield asked(
                f"{record['id']}-{language}",
                template.format(rule=_RULE[language], dialogue=shown, how=how[language]),
                f"{label}\n{record['reason'][language]}" if reasons else label,
                source=f"bookshop/handoffs.jsonl, line {line}",
                language=language,
                group=record["id"],
                split=record["split"],
                facts={"needs_person": needed, "labels": list(labels), "cause": record["cause"]},
            )


def next_turns(number: int) -> Iterator[Row]:
    """Yield every answer of the assistant, after the dialogue that leads to it.

    Raises:
        LeitaiError: there is no such template.
    """
    for language in ("zh", "en"):
        system = wording(_SYSTEM, language, number, "dialogues")
        found = list(_dialogues(language))
        known = vocabulary(found)
        for dialogue in found:
            yield from answers_of(dialogue, known, language=language, system=system)


def _dialogues(language: str) -> Iterator[Dialogue]:
    for line, record in read_jsonl(FOLDER / "dialogues.jsonl"):
        values = {slot: texts[language] for slot, texts in record["values"].items()}
        turns = tuple(
            Turn(
                "assistant" if place % 2 else "user",
                text,
                {slot: (value,) for slot, value in values.items() if names(text, value)},
            )
            for place, text in enumerate(record[language])
        )
        where = f"bookshop/dialogues.jsonl, line {line}"
        yield Dialogue(record["id"], turns, where, record["split"])
