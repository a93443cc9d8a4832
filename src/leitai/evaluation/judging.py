"""Which of two texts is better: asked of a judge that sees both in both orders, or of people.

What comes out are wins and ties by item; strengths from them (Bradley-Terry) are statistics.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from leitai.base.errors import LeitaiError
from leitai.data import Row
from leitai.data.wordings import Templates, asked, wording
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Respondent, refuse_unable

Outcome = Literal["a", "b", "tie"]

TEMPLATES: Templates = {
    "zh": (
        "请比较两个回答，判断哪一个更好地完成了要求：内容是否准确、切题、符合要求，语言是否通顺。"
        "不要因为篇幅更长或排在前面而偏向某一个。\n\n"
        "【要求】\n{question}\n\n【回答一】\n{first}\n\n【回答二】\n{second}\n\n"
        "只回答“一”“二”或“平”，不要解释。",
    ),
    "en": (
        "Compare two answers and decide which of them fulfils the request better: correct, to the "
        "point, as demanded, well written. Do not prefer one for being longer or for standing "
        "first.\n\n[Request]\n{question}\n\n[Answer 1]\n{first}\n\n[Answer 2]\n{second}\n\n"
        'Reply with "1", "2" or "tie" and nothing else.',
    ),
}
_VERDICTS: Mapping[str, Outcome] = {
    "1": "a",
    "一": "a",
    "2": "b",
    "二": "b",
    "tie": "tie",
    "平": "tie",
    "平局": "tie",
}
_TURNED: Mapping[Outcome, Outcome] = {"a": "b", "b": "a", "tie": "tie"}
_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Preference:
    """Which of two contenders' answers to an item was preferred.

    Attributes:
        id: the item.
        outcome: "a" or "b" only where the judge says so in both orders; else a tie.
        parsed: how many of the judge's two verdicts could be read; an unread one makes a tie.
        consistent: whether both were read and agree.
        slices: of the item.
        group: of the item.
    """

    id: str
    outcome: Outcome
    parsed: int
    consistent: bool
    slices: tuple[str, ...] = ()
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """All preferences of a pair.

    Attributes:
        preferences: one an item.
    """

    preferences: tuple[Preference, ...]

    def within(self, name: str) -> "Judgement":
        """The preferences of one slice, such as a language."""
        return Judgement(tuple(p for p in self.preferences if name in p.slices))

    @property
    def slices(self) -> tuple[str, ...]:
        """Names of all slices, sorted."""
        return tuple(sorted({name for p in self.preferences for name in p.slices}))

    @property
    def wins(self) -> tuple[int, int, int]:
        """How often A won, B won, and neither."""
        outcomes = [p.outcome for p in self.preferences]
        return outcomes.count("a"), outcomes.count("b"), outcomes.count("tie")

    @property
    def unparsed(self) -> float:
        """The share of verdicts that could not be read."""
        return 1 - sum(p.parsed for p in self.preferences) / (2 * len(self.preferences))

    @property
    def inconsistent(self) -> float:
        """Of the items with two readable verdicts, the share where the order changed the winner."""
        read = [p for p in self.preferences if p.parsed == 2]
        return sum(not p.consistent for p in read) / len(read) if read else 0.0


def judge(a: Sequence[ItemRecord], b: Sequence[ItemRecord], respondent: Respondent) -> Judgement:
    """Let a judge compare two contenders' answers, each pair in both orders.

    Args:
        a: records of the one, as an evaluation wrote them.
        b: of the other; the same items.
        respondent: the judge, any that can write. One that is a contender itself favours itself.

    Raises:
        LeitaiError: the records are of different items, or the judge cannot write.
    """
    refuse_unable(respondent, frozenset({"write"}), "judging")
    pairs = pair(a, b)
    rows: list[Row] = []
    for one, other in pairs:
        rows += [_question(one, one, other), _question(one, other, one)]
    verdicts = [parse_verdict(written.text) for written in respondent.write(rows, _LIMIT)]
    found = []
    for number, (one, _) in enumerate(pairs):
        straight, turned = verdicts[2 * number], verdicts[2 * number + 1]
        back = None if turned is None else _TURNED[turned]
        same = straight is not None and straight == back
        found.append(
            Preference(
                id=one.id,
                outcome=straight if straight is not None and same else "tie",
                parsed=(straight is not None) + (back is not None),
                consistent=same,
                slices=one.slices,
                group=one.group,
            )
        )
    return Judgement(tuple(found))


def pair(a: Sequence[ItemRecord], b: Sequence[ItemRecord]) -> list[tuple[ItemRecord, ItemRecord]]:
    """Put two contenders' records of the same items side by side.

    Raises:
        LeitaiError: they are of different items, or there are none.
    """
    others = {record.id: record for record in b}
    if not a or {record.id for record in a} != others.keys():
        raise LeitaiError(
            "the two contenders' records are not of the same items",
            where="judging",
            remedy="score both on the same task first",
        )
    return [(record, others[record.id]) for record in a]


def parse_verdict(written: str) -> Outcome | None:
    """Read a verdict: exactly one of the words that were asked for, else None."""
    folded = unicodedata.normalize("NFKC", written).strip().casefold()
    return _VERDICTS.get(folded.strip(" \t\n\"'“”‘’「」[]【】().。!"))


def _question(item: ItemRecord, first: ItemRecord, second: ItemRecord) -> Row:
    language = "zh" if "zh" in item.slices else "en"
    template = wording(TEMPLATES, language, 0, "judging")
    text = template.format(question=item.input, first=first.answer, second=second.answer)
    return asked(item.id, text, "", source=f"judging, item {item.id}", language=language)
