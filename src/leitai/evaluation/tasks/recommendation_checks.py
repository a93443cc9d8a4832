"""Whether a recommendation depends on the order of a list, and on what its reason names."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from leitai.data import Row
from leitai.data.histories import drawn
from leitai.data.turns import names
from leitai.evaluation.metrics.ranking import position_bias, rank_of
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Ability, Respondent
from leitai.evaluation.tasks.interface import BaseTask, Summary, record
from leitai.evaluation.tasks.recommendation import (
    catalogue_of,
    find_title,
    open_titles,
    relisted,
    title_of,
    weigh,
)

_LONGEST = 400
"""Characters of a title and a sentence with the reason."""


class ListedRecommendation(BaseTask):
    """Choose from a list in the prompt, asked in several orders; metric: HR@1 over all of them.

    How much a candidate's place in the list decides is reported as `position_bias`; how often the
    orders agree, as `order_agreement`.

    Attributes:
        orders: in how many orders each list is shown; drawn from the item's id, the same for every
            contender.
    """

    metric: ClassVar[str] = "hit_rate@1"

    kind: Literal["listed_recommendation"]
    grade: Literal["likelihood", "generation"] = "likelihood"
    orders: int = Field(default=4, ge=2, le=100)

    @property
    def needs(self) -> frozenset[Ability]:
        """To choose, or to write."""
        return frozenset({"choose" if self.grade == "likelihood" else "write"})

    def assess(
        self, items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
    ) -> list[ItemRecord]:
        """Ask every item in every order, and see which title is chosen."""
        asked, shown = [], []
        for row in items:
            titles = list(catalogue_of(row, ()))
            for number in range(self.orders):
                order = drawn(titles, len(titles), row.id, str(number))
                asked.append(relisted(row, titles, order))
                shown.append(order)
        chosen = self._chosen(asked, shown, respondent)
        records = []
        for number, row in enumerate(items):
            part = slice(number * self.orders, (number + 1) * self.orders)
            records.append(_over_orders(row, shown[part], chosen[part]))
        return records

    def _chosen(
        self, asked: Sequence[Row], shown: Sequence[list[str]], respondent: Respondent
    ) -> list[str | None]:
        if self.grade == "generation":
            limit = 20 + 2 * max(len(title) for order in shown for title in order)
            answers = respondent.write(asked, limit)
            return [
                find_title(written.text, order)
                for written, order in zip(answers, shown, strict=True)
            ]
        weighed = weigh(asked, shown, respondent)
        return [
            order[found.logprobs.index(max(found.logprobs))]
            for found, order in zip(weighed, shown, strict=True)
        ]

    def summaries(self) -> Mapping[str, Summary]:
        """Add position bias."""
        return {"position_bias": _position_bias}


class ExplainedRecommendation(BaseTask):
    """Recommend and say why; metric: HR@1 of the written title.

    `reason_in_history` is the share of answers whose reason names an item of the history.
    `reason_faithful` says whether that item mattered: it is taken out of the history, and then
    another one instead; the recommended title's rank in the catalogue must fall further without the
    item that the reason names. 0.5 is what reasons that mean nothing reach.

    Attributes:
        faithfulness: whether to look at that; an endpoint that only writes cannot be asked so.
    """

    metric: ClassVar[str] = "hit_rate@1"

    kind: Literal["explained_recommendation"]
    faithfulness: bool = True

    @property
    def needs(self) -> frozenset[Ability]:
        """To write; with `faithfulness`, to choose too."""
        return frozenset({"write", "choose"} if self.faithfulness else {"write"})

    def assess(
        self, items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
    ) -> list[ItemRecord]:
        """Read title and reason, and ask again without what the reason names."""
        records = []
        for row, written in zip(items, respondent.write(items, _LONGEST), strict=True):
            catalogue = catalogue_of(row, labels)
            first, _, reason = written.text.strip().partition("\n")
            title = find_title(first, catalogue)
            history = list(row.facts["history"])
            cited = [book for book in history if names(reason, book)]
            measures = {
                "invented_titles": float(title is None),
                "reason_in_history": float(bool(cited)),
            }
            detail: dict[str, Any] = {"title": title, "cited": cited, "falls": None}
            others = [book for book in history if book not in cited]
            if self.faithfulness and title is not None and cited and others:
                other = drawn(others, 1, row.id)[0]
                falls = _falls(row, catalogue, title, (cited[0], other), respondent)
                detail["falls"] = falls
            right = title == title_of(row)
            records.append(
                record(
                    row,
                    written.text,
                    float(right),
                    correct=right,
                    parsed=title is not None,
                    measures=measures,
                    detail=detail,
                )
            )
        return records

    def summaries(self) -> Mapping[str, Summary]:
        """Add how often what a reason names mattered."""
        return {"reason_faithful": _faithful} if self.faithfulness else {}


def _faithful(records: Sequence[ItemRecord]) -> float:
    """Return the share of reasons whose item matters more than another; equals count half."""
    falls = [record.detail["falls"] for record in records if record.detail["falls"]]
    won = sum(own > other for own, other in falls) + sum(own == other for own, other in falls) / 2
    return won / len(falls) if falls else math.nan


def _over_orders(row: Row, shown: Sequence[list[str]], chosen: Sequence[str | None]) -> ItemRecord:
    title = title_of(row)
    most = max(chosen.count(one) for one in chosen)
    places = [
        None if one is None else order.index(one) for one, order in zip(chosen, shown, strict=True)
    ]
    return record(
        row,
        " | ".join(one or "?" for one in chosen),
        chosen.count(title) / len(chosen),
        parsed=None not in chosen,
        measures={"order_agreement": most / len(chosen)},
        detail={"places": places, "offered": len(shown[0])},
    )


def _position_bias(records: Sequence[ItemRecord]) -> float:
    found = [
        (place, record.detail["offered"])
        for record in records
        for place in record.detail["places"]
        if place is not None
    ]
    return position_bias([place for place, _ in found], [offered for _, offered in found])


def _falls(
    row: Row,
    catalogue: Sequence[str],
    title: str,
    removed: Sequence[str],
    respondent: Respondent,
) -> list[int]:
    """Return by how many ranks a title falls when each of some items leaves the history."""
    history = list(row.facts["history"])
    rows = [row, *(relisted(row, history, [b for b in history if b != one]) for one in removed)]
    ranked = [other for other in open_titles(row, catalogue) if other != title] + [title]
    ranks = []
    for found in weigh(rows, [catalogue] * len(rows), respondent):
        scores = dict(zip(catalogue, found.logprobs, strict=True))
        ranks.append(rank_of([scores[other] for other in ranked], len(ranked) - 1))
    return [rank - ranks[0] for rank in ranks[1:]]
