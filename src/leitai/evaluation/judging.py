"""Which of two texts is better: asked of a judge that sees both in both orders, or of people.

What comes out are wins and ties by item; strengths from them (Bradley-Terry) are statistics.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from leitai.base.errors import LeitaiError
from leitai.base.progress import Ticker
from leitai.data import Row
from leitai.data.wordings import Templates, asked, wording
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Respondent, refuse_unable

Place = Literal["first", "second", "tie"]
"""A verdict on two answers, by where they stood."""

TIE = "tie"
"""The outcome where neither was preferred."""

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
_VERDICTS: Mapping[str, Place] = {
    "1": "first",
    "一": "first",
    "2": "second",
    "二": "second",
    "tie": "tie",
    "平": "tie",
    "平局": "tie",
}
_TURNED: Mapping[Place, Place] = {"first": "second", "second": "first", "tie": "tie"}
_LIMIT = 20
_PART = 64  # comparisons that are put to the judge at once


@dataclass(frozen=True, slots=True)
class Preference:
    """Which of two contenders' answers to an item was preferred.

    Attributes:
        id: the item.
        pair: the keys of the two.
        outcome: the key of the one that the judge prefers in both orders; else `TIE`.
        parsed: how many of the judge's two verdicts could be read; an unread one makes a tie.
        consistent: whether both were read and agree.
        slices: of the item.
        group: of the item.
    """

    id: str
    pair: tuple[str, str]
    outcome: str
    parsed: int
    consistent: bool
    slices: tuple[str, ...] = ()
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """All preferences among two or more contenders.

    Attributes:
        preferences: one an item and pair.
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
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The pairs that were compared, sorted."""
        return tuple(sorted({p.pair for p in self.preferences}))

    def wins(self, pair: tuple[str, str]) -> tuple[int, int, int]:
        """How often the first of a pair won, the second, and neither."""
        outcomes = [p.outcome for p in self.preferences if p.pair == pair]
        return outcomes.count(pair[0]), outcomes.count(pair[1]), outcomes.count(TIE)

    @property
    def unparsed(self) -> float:
        """The share of verdicts that could not be read."""
        return 1 - sum(p.parsed for p in self.preferences) / (2 * len(self.preferences))

    @property
    def inconsistent(self) -> float:
        """Of the pairs with two readable verdicts, how many changed the winner with the order."""
        read = [p for p in self.preferences if p.parsed == 2]
        return sum(not p.consistent for p in read) / len(read) if read else 0.0


def judge(
    records: Mapping[str, Sequence[ItemRecord]],
    respondent: Respondent,
    tick: Ticker | None = None,
) -> Judgement:
    """Let a judge compare the answers of every two contenders, each pair in both orders.

    Args:
        records: of each contender by its key, as an evaluation wrote them; the same items.
        respondent: the judge, any that can write. One that is a contender itself favours itself.
        tick: told how many comparisons are done.

    Raises:
        LeitaiError: the records are of different items, or the judge cannot write.
    """
    refuse_unable(respondent, frozenset({"write"}), "judging", "the judge")
    pairs = paired(records)
    verdicts: list[Place | None] = []
    for start in range(0, len(pairs), _PART):
        part = pairs[start : start + _PART]
        rows: list[Row] = []
        for _, one, other in part:
            rows += [_question(one, one, other), _question(one, other, one)]
        verdicts += [parse_verdict(written.text) for written in respondent.write(rows, _LIMIT)]
        if tick:
            tick(start + len(part))
    found = []
    for number, (keys, one, _) in enumerate(pairs):
        straight, turned = verdicts[2 * number], verdicts[2 * number + 1]
        back = None if turned is None else _TURNED[turned]
        same = straight is not None and straight == back
        found.append(
            Preference(
                id=one.id,
                pair=keys,
                outcome=winner(keys, straight) if straight is not None and same else TIE,
                parsed=(straight is not None) + (back is not None),
                consistent=same,
                slices=one.slices,
                group=one.group,
            )
        )
    return Judgement(tuple(found))


def winner(pair: tuple[str, str], place: Place) -> str:
    """Return who stood at a place, or `TIE`."""
    return {"first": pair[0], "second": pair[1]}.get(place, TIE)


Paired = tuple[tuple[str, str], ItemRecord, ItemRecord]
"""The keys of two contenders, and the record of each of the same item."""


def paired(records: Mapping[str, Sequence[ItemRecord]]) -> list[Paired]:
    """Put the records of every two contenders side by side, item by item.

    Raises:
        LeitaiError: they are of different items, there are none, or a contender is alone.
    """
    by_id = {key: {record.id: record for record in found} for key, found in records.items()}
    first = next(iter(by_id.values()), {})
    if not first or len(by_id) < 2 or any(found.keys() != first.keys() for found in by_id.values()):
        raise LeitaiError(
            "the contenders' records are not of the same items",
            where="judging",
            remedy="score two or more on the same task first",
        )
    return [
        ((a, b), by_id[a][item], by_id[b][item])
        for item in first
        for a, b in combinations(by_id, 2)
    ]


def parse_verdict(written: str) -> Place | None:
    """Read a verdict: exactly one of the words that were asked for, else None."""
    folded = unicodedata.normalize("NFKC", written).strip().casefold()
    return _VERDICTS.get(folded.strip(" \t\n\"'“”‘’「」[]【】().。!"))


def _question(item: ItemRecord, first: ItemRecord, second: ItemRecord) -> Row:
    language = "zh" if "zh" in item.slices else "en"
    template = wording(TEMPLATES, language, 0, "judging")
    text = template.format(question=item.input, first=first.answer, second=second.answer)
    return asked(item.id, text, "", source=f"judging, item {item.id}", language=language)
