"""Queries: what they find, what is refused, and how near two are."""

import time

import pytest

from leitai.base.errors import LeitaiError
from leitai.data import bookshop
from leitai.data.bookshop_answers import graph
from leitai.evaluation.asking import reference_of
from leitai.evaluation.metrics.graph import Found, Graph, extract_query, same_results
from leitai.evaluation.metrics.query_terms import query_terms, same_query, terms_f1

PREFIX = "PREFIX : <https://lamplight.example/> "


@pytest.fixture(scope="module")
def shop():
    pytest.importorskip("pyoxigraph", reason='running queries needs pip install "leitai[apps]"')
    with Graph(graph(), seconds=2.0, rows=200) as opened:
        yield opened


def test_every_reference_query_finds_something_alike_in_both_languages(shop):
    found = {row.id: shop.run(reference_of(row)) for row in bookshop.rows("queries")}
    assert all(f.rows for f in found.values()), found
    for name, result in found.items():
        if name.endswith("-zh"):
            assert len(result.rows) == len(found[f"{name[:-2]}en"].rows)


def test_results_counted_by_hand(shop):
    count = shop.run(PREFIX + "SELECT (COUNT(?b) AS ?n) WHERE { ?b a :Book }")
    assert count.rows == ((str(graph().count(" a :Book ")),),)
    assert shop.run(PREFIX + "ASK { :salt_lamp :author :lin_wan }").rows == (("true",),)


def test_order_of_rows_and_columns_and_names_do_not_count(shop):
    one = shop.run(PREFIX + "SELECT ?t ?y WHERE { ?b :titleEn ?t ; :year ?y } ORDER BY ?t")
    other = shop.run(PREFIX + "SELECT ?a ?z WHERE { ?x :titleEn ?z ; :year ?a } ORDER BY ?a")
    assert same_results(one, other)
    assert not same_results(one, Found(one.rows[1:]))
    assert not same_results(Found(None), Found(None))


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("SELECT ?x WHERE { SERVICE <http://127.0.0.1:9/> { ?x ?y ?z } }", "outside"),
        ("SELECT ?x FROM <file:///etc/passwd> WHERE { ?x ?y ?z }", "outside"),
        ("SELECT ?x WHERE { ?x", "SyntaxError"),
        ("CONSTRUCT { ?x ?y ?z } WHERE { ?x ?y ?z }", "builds a graph"),
        ("SELECT * WHERE { ?a ?b ?c . ?d ?e ?f }", "more than 200"),
    ],
)
def test_what_is_refused(shop, query, error):
    found = shop.run(query)
    assert found.rows is None
    assert error in str(found.error)


def test_an_endless_query_is_ended_and_the_next_one_answered(shop):
    start = time.monotonic()
    found = shop.run("SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }")
    assert found.rows is None
    assert "no answer within 2 s" in str(found.error) or "Memory" in str(found.error)
    assert time.monotonic() - start < 60
    assert shop.run(PREFIX + "ASK { :salt_lamp a :Book }").rows == (("true",),)


def test_a_word_in_a_string_is_no_keyword(shop):
    found = shop.run(PREFIX + 'SELECT ?from WHERE { ?from :titleEn "SERVICE from" }')
    assert found.rows == ()


@pytest.mark.parametrize(
    ("written", "query"),
    [
        ("SELECT ?x WHERE { ?x ?y ?z }", "SELECT ?x WHERE { ?x ?y ?z }"),
        ("Here it is:\n```sparql\nASK { ?s ?p ?o }\n```\nDone.", "ASK { ?s ?p ?o }"),
        ("查询：PREFIX a: <b> SELECT ?x {}", "PREFIX a: <b> SELECT ?x {}"),
        ("You ask me to select books. ASK { ?s ?p ?o }", "ASK { ?s ?p ?o }"),
        ("I ask: select what?", None),
    ],
)
def test_the_query_is_taken_out_of_the_answer(written, query):
    assert extract_query(written) == query


def test_terms_of_a_query():
    short = "PREFIX wd: <http://www.wikidata.org/entity/> SELECT ?r WHERE { wd:Q1 wdt:P31 ?r . }"
    full = (
        "select ?x where { <http://www.wikidata.org/entity/Q1> "
        "<http://www.wikidata.org/prop/direct/P31> ?x. }"
    )
    assert query_terms(short) == query_terms(full)
    assert sum(query_terms(short).values()) == 2
    assert same_query(short, full)
    assert terms_f1(short, full) == 1.0
    other = "SELECT ?r WHERE { wd:Q1 wdt:P279 ?r }"
    # One of two terms on either side is shared.
    assert terms_f1(other, full) == pytest.approx(0.5)
    assert not same_query(other, full)


def test_without_its_package_a_graph_says_what_to_install(monkeypatch):
    monkeypatch.setattr("leitai.evaluation.metrics.graph.find_spec", lambda name: None)
    with pytest.raises(LeitaiError, match=r"leitai\[apps\]"):
        Graph("")
