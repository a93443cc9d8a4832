"""Training rows that are too long for somebody, shortened at the same character for everybody.

A limit in tokens would show more of a text to the contender whose tokenizer packs it tighter. So a
row that does not fit is shortened before anybody cuts it: its longest question loses characters at
the end until every contender can read the row whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from leitai.comparison.audit import Side
from leitai.comparison.audit.findings import learners
from leitai.comparison.audit.lengths import training_ids
from leitai.comparison.spec import CompareSpec
from leitai.data import Row


@dataclass(frozen=True, slots=True)
class Fitted:
    """Rows as they are learnt from.

    Attributes:
        rows: in their order.
        shortened: ids of those that were too long for somebody.
        tokens: of each row, for each contender that learns here, by key.
    """

    rows: list[Row]
    shortened: list[str]
    tokens: dict[str, list[int]]


def cut_rows(spec: CompareSpec, rows: Sequence[Row], sides: Sequence[Side]) -> Fitted:
    """Shorten rows until all contenders that learn here can read them whole.

    A row whose answer alone is too long stays as it is, and so do all without an `adapt` section.

    Args:
        spec: the duel.
        rows: what is learnt from.
        sides: the contenders.
    """
    if spec.adapt is None:
        return Fitted(list(rows), [], {})
    longest = spec.adapt.max_length
    fitted = Fitted([], [], {side.key: [] for side, _ in learners(sides)})
    for row in rows:
        kept, tokens = row, _tokens(row, sides)
        if max(tokens.values(), default=0) > longest:
            kept = _shorten(row, sides, longest)
            tokens = _tokens(kept, sides)
        fitted.rows.append(kept)
        if kept is not row:
            fitted.shortened.append(row.id)
        for key, count in tokens.items():
            fitted.tokens[key].append(count)
    return fitted


def _tokens(row: Row, sides: Sequence[Side]) -> dict[str, int]:
    return {side.key: len(training_ids(side, view, row)) for side, view in learners(sides)}


def _shorten(row: Row, sides: Sequence[Side], longest: int) -> Row:
    asked = [at for at, m in enumerate(row.messages) if m["role"] == "user" and m.get("content")]
    if not asked:
        return row
    place = max(asked, key=lambda at: len(str(row.messages[at]["content"])))
    text = str(row.messages[place]["content"])

    def kept(characters: int) -> Row:
        messages = list(row.messages)
        messages[place] = {**messages[place], "content": text[:characters]}
        return replace(row, messages=tuple(messages))

    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if max(_tokens(kept(middle), sides).values()) <= longest:
            fits = middle
        else:
            too_long = middle
    return kept(fits) if fits else row
