"""Which item comes next, out of a whole catalogue."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field, model_validator

from leitai.base.errors import LeitaiError
from leitai.data import Row
from leitai.data.histories import drawn, listed
from leitai.data.turns import names
from leitai.evaluation.asking import reference_of
from leitai.evaluation.grading import normalise
from leitai.evaluation.metrics.ranking import hit_rate, ndcg, rank_of, reciprocal_rank
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Ability, Respondent, Weighed
from leitai.evaluation.tasks.interface import BaseTask, record

CUTOFFS = (1, 5, 10)
DEPTH = 10
"""Of NDCG, as its name in `MEASURES` says."""

AT_ONCE = 100_000
"""Titles weighed in one call, so that a catalogue of any size fits in memory."""


class Recommendation(BaseTask):
    """Which item comes next; metric: NDCG@10 over the whole catalogue.

    ``likelihood`` weighs every title of the catalogue, as the assistant's whole answer, and ranks
    them; what the history has already is left out. ``generation`` lets a title be written: only
    the first place can be graded then (HR@1), and answers that name nothing of the catalogue count
    as invented.

    Attributes:
        sampled: rank the right title among so many drawn ones instead of the whole catalogue.
            That is cheaper, but biased: it can even change which contender is better (Krichene &
            Rendle, 2020), so the numbers have names of their own.
        calibrated: rank by how much the history raises a title's log-probability over that after
            an empty history (Holtzman et al., 2021), so that short and common titles have no start.
            Of use for models that were not trained on the catalogue.
    """

    kind: Literal["recommendation"]
    grade: Literal["likelihood", "generation"] = "likelihood"
    sampled: int | None = Field(default=None, ge=1, le=100_000)
    calibrated: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> "Recommendation":
        if self.grade == "generation" and (self.sampled is not None or self.calibrated):
            raise ValueError("sampled and calibrated go with grade: likelihood")
        return self

    @property
    def metric(self) -> str:
        """NDCG@10, under another name where candidates are sampled; HR@1 for what is written."""
        if self.grade == "generation":
            return "hit_rate@1"
        return "ndcg@10" if self.sampled is None else "sampled_ndcg@10"

    @property
    def needs(self) -> frozenset[Ability]:
        """To choose, or to write."""
        return frozenset({"choose" if self.grade == "likelihood" else "write"})

    def assess(
        self, items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
    ) -> list[ItemRecord]:
        """Rank the catalogue for every item, or look for what is written in it."""
        catalogues = [catalogue_of(row, labels) for row in items]
        if self.grade == "generation":
            return _by_generation(items, catalogues, respondent)
        if self.sampled is not None:
            catalogues = [
                _sample(row, catalogue, self.sampled)
                for row, catalogue in zip(items, catalogues, strict=True)
            ]
        prefix = "" if self.sampled is None else "sampled_"
        scores: list[Sequence[float]] = [
            found.logprobs for found in weigh(items, catalogues, respondent)
        ]
        if self.calibrated:
            scores = [
                [one - other for one, other in zip(found, start, strict=True)]
                for found, start in zip(
                    scores, _without_history(items, catalogues, respondent), strict=True
                )
            ]
        return [
            _ranked(row, catalogue, found, prefix)
            for row, catalogue, found in zip(items, catalogues, scores, strict=True)
        ]


def catalogue_of(row: Row, labels: Sequence[str]) -> Sequence[str]:
    """Return the titles that an item can be answered with: its own candidates, else the labels.

    Raises:
        LeitaiError: there are fewer than two, or the right one is missing.
    """
    catalogue: Sequence[str] = row.facts.get("candidates") or labels
    title = title_of(row)
    if len(catalogue) < 2 or title not in catalogue:
        raise LeitaiError(
            f'"{title}" is not in the catalogue of {len(catalogue)} titles',
            where=row.source,
            remedy="use a recommendation view",
        )
    return catalogue


def title_of(row: Row) -> str:
    """Return the right title: the reference answer, or its first line where a reason follows."""
    return reference_of(row).split("\n", 1)[0]


def open_titles(row: Row, catalogue: Sequence[str]) -> list[str]:
    """Return what may be recommended: the catalogue without what the history has already."""
    had = set(row.facts.get("history", ())) - {title_of(row)}
    return [title for title in catalogue if title not in had]


def weigh(
    items: Sequence[Row], catalogues: Sequence[Sequence[str]], respondent: Respondent
) -> list[Weighed]:
    """Weigh every title for every item, in as many calls as memory wants."""
    step = max(1, AT_ONCE // max(len(catalogue) for catalogue in catalogues))
    found: list[Weighed] = []
    for start in range(0, len(items), step):
        found += respondent.choose(items[start : start + step], catalogues[start : start + step])
    return found


def relisted(row: Row, before: Sequence[str], after: Sequence[str]) -> Row:
    """Show other titles, or in another order, where the prompt lists `before`.

    Raises:
        LeitaiError: the prompt does not list them.
    """
    old, new = listed(before), listed(after)
    question = row.messages[-2]
    if old not in str(question["content"]):
        raise LeitaiError(
            "the prompt does not list the titles", where=row.source, remedy="use a bookshop view"
        )
    changed = {**question, "content": str(question["content"]).replace(old, new, 1)}
    return replace(row, messages=(*row.messages[:-2], changed, row.messages[-1]))


def find_title(text: str, titles: Sequence[str]) -> str | None:
    """Find the title that an answer gives: its first line, or the one title that it names.

    Returns:
        The title; None where none is named, or several that are not parts of each other.
    """
    line = next((line for line in text.splitlines() if line.strip()), "")
    plain = normalise(line.strip().lstrip("-*•").strip().strip("《》"))
    named = []
    for title in titles:
        if normalise(title) == plain:
            return title
        if names(line, title):
            named.append(title)
    longest = [a for a in named if not any(a != b and names(b, a) for b in named)]
    return longest[0] if len(longest) == 1 else None


def _without_history(
    items: Sequence[Row], catalogues: Sequence[Sequence[str]], respondent: Respondent
) -> list[Sequence[float]]:
    """Weigh each catalogue after an empty history; once where items share question and titles."""
    asked: dict[tuple[str, tuple[str, ...]], Row] = {}
    keys = []
    for row, catalogue in zip(items, catalogues, strict=True):
        blank = relisted(row, row.facts["history"], ["…"])
        keys.append((str(blank.messages[:-1]), tuple(catalogue)))
        asked.setdefault(keys[-1], blank)
    found = weigh(list(asked.values()), [titles for _, titles in asked], respondent)
    by_key = {key: weighed.logprobs for key, weighed in zip(asked, found, strict=True)}
    return [by_key[key] for key in keys]


def _sample(row: Row, catalogue: Sequence[str], count: int) -> list[str]:
    """Draw candidates beside the right one; the same for every contender."""
    title = title_of(row)
    others = [other for other in open_titles(row, catalogue) if other != title]
    return [*drawn(others, count, row.id), title]


def _ranked(
    row: Row, catalogue: Sequence[str], logprobs: Sequence[float], prefix: str
) -> ItemRecord:
    scores = dict(zip(catalogue, logprobs, strict=True))
    open_ = open_titles(row, catalogue)
    title = title_of(row)
    rank = rank_of([scores[other] for other in open_], open_.index(title))
    best = max(open_, key=lambda other: scores[other])
    measures = {f"{prefix}hit_rate@{k}": hit_rate(rank, k) for k in CUTOFFS}
    return record(
        row,
        best,
        ndcg(rank, DEPTH),
        measures={**measures, f"{prefix}mrr": reciprocal_rank(rank)},
        detail={"rank": rank, "candidates": len(open_)},
    )


def _by_generation(
    items: Sequence[Row], catalogues: Sequence[Sequence[str]], respondent: Respondent
) -> list[ItemRecord]:
    limit = 20 + 2 * max(len(title) for titles in catalogues for title in titles)
    records = []
    answers = respondent.write(items, limit)
    for row, catalogue, written in zip(items, catalogues, answers, strict=True):
        found = find_title(written.text, catalogue)
        right = found == title_of(row)
        records.append(
            record(
                row,
                written.text,
                float(right),
                correct=right,
                parsed=found is not None,
                measures={"invented_titles": float(found is None)},
                detail={"title": found},
            )
        )
    return records
