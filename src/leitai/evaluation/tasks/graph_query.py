"""Questions to a knowledge graph, answered by a query that the contender writes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from leitai.base.errors import LeitaiError
from leitai.data import Row
from leitai.data.bookshop_answers import graph
from leitai.evaluation.asking import reference_of
from leitai.evaluation.metrics.graph import Found, Graph, extract_query, same_results
from leitai.evaluation.metrics.query_terms import same_query, terms_f1
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Ability, Respondent
from leitai.evaluation.tasks.interface import record
from leitai.evaluation.tasks.shots import FewShot


class GraphQuery(FewShot):
    """Questions that a SPARQL query answers; the contender writes the query.

    ``grade: execution`` runs it on the graph that the rows name in ``facts.graph`` (the bundled
    "bookshop") and compares what it finds with what the reference query finds. Where the graph is
    not at hand, as Wikidata for QALD-10 and DBpedia for LC-QuAD, ``grade: terms`` takes the F1 of
    the entities and relations that both queries name, which is no proof of a right answer.
    """

    kind: Literal["graph_query"]
    grade: Literal["execution", "terms"] = "execution"
    max_characters: int = Field(default=1000, ge=1, le=20_000)

    @property
    def metric(self) -> str:
        """Execution accuracy, or F1 of the terms."""
        return "execution_accuracy" if self.grade == "execution" else "query_terms_f1"

    @property
    def needs(self) -> frozenset[Ability]:
        """To write."""
        return frozenset({"write"})

    def assess(
        self, items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
    ) -> list[ItemRecord]:
        """Run what is written, or compare it with the reference.

        Raises:
            LeitaiError: execution is wanted of rows whose graph is not at hand, or pyoxigraph is
                not installed.
        """
        if self.grade == "terms":
            answers = respondent.write(items, self.max_characters)
            return [_compare(row, a.text, {}) for row, a in zip(items, answers, strict=True)]
        for row in items:
            if row.facts.get("graph") != "bookshop":
                raise LeitaiError(
                    "the graph of this question is not at hand",
                    where=row.source,
                    remedy="set grade: terms",
                )
        with Graph(graph()) as opened:
            answers = respondent.write(items, self.max_characters)
            return [_run(row, a.text, opened) for row, a in zip(items, answers, strict=True)]


def _compare(row: Row, text: str, detail: dict[str, object]) -> ItemRecord:
    query, reference = extract_query(text), reference_of(row)
    f1 = terms_f1(query, reference) if query else 0.0
    match = bool(query) and same_query(str(query), reference)
    return record(
        row,
        text,
        f1,
        parsed=query is not None,
        measures={"query_match": float(match)},
        detail=detail | {"query": query},
    )


def _run(row: Row, text: str, opened: Graph) -> ItemRecord:
    right = opened.run(reference_of(row))
    if right.rows is None:
        raise LeitaiError(
            f"the reference query fails: {right.error}", where=row.source, remedy="repair it"
        )
    query = extract_query(text)
    found = opened.run(query) if query else Found(None, "no query")
    same = same_results(found, right)
    shown = None if found.rows is None else [list(r) for r in found.rows[:20]]
    compared = _compare(row, text, {"found": shown, "error": found.error})
    return replace(
        compared,
        correct=same,
        numerator=float(same),
        measures=compared.measures
        | {"query_terms_f1": compared.numerator, "query_runs": float(found.rows is not None)},
    )
