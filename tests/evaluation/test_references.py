"""Reference rows: held against the formulas written down literally."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.optimize import approx_fprime, minimize
from scipy.sparse import csr_matrix

from leitai.base.errors import LeitaiError
from leitai.data import DataSource, Row, row_with
from leitai.data.bookshop import rows
from leitai.evaluation import BitsPerByte, Classification, read_records
from leitai.evaluation.asking import Prompting
from leitai.evaluation.evaluate import evaluate
from leitai.evaluation.respondents import references
from leitai.evaluation.respondents.references import (
    Majority,
    Random,
    TfIdf,
    fit_softmax,
    make_reference,
)
from leitai.evaluation.respondents.source import SourceSpec, open_respondent, state_of

TRAIN = [row for row in rows("intents") if row.split == "train"][::3]
TEST = [row for row in rows("intents") if row.split == "test"]


def make(text, label, number=0):
    messages = ({"role": "user", "content": text}, {"role": "assistant", "content": label})
    return Row(f"r{number}", messages, f"line {number}", label=label)


def accuracy(respondent, items):
    labels = sorted({row.label for row in TRAIN})
    right = 0
    for row, found in zip(items, respondent.choose(items, [labels] * len(items)), strict=True):
        right += labels[int(np.argmax(found.logprobs))] == row.label
    return right / len(items)


def test_majority_by_hand():
    found = Majority([make("a", "x"), make("b", "y"), make("c", "y"), make("d", "y")])
    assert [one.text for one in found.write([make("e", "?")] * 2, 10)] == ["y", "y"]
    (weighed,) = found.choose([make("e", "?")], [["y", "x", "z"]])
    assert weighed.logprobs == pytest.approx((math.log(0.75), math.log(0.25), math.log(1e-9)))


def test_random_is_even_and_the_same_whenever_a_row_is_asked():
    training = [make("a", label) for label in "wxyz"]
    items = [make("q", "w", number) for number in range(2000)]
    found = Random(training, seed=1)
    texts = [one.text for one in found.write(items, 10)]
    counts = Counter(texts)
    assert all(abs(counts[label] - 500) < 4 * math.sqrt(2000 * 0.25 * 0.75) for label in "wxyz")
    assert [found.write([item], 10)[0].text for item in items[:50]] == texts[:50]
    assert [one.text for one in Random(training, seed=2).write(items, 10)] != texts


def test_softmax_regression_is_at_the_minimum_of_its_formula(monkeypatch):
    generator = np.random.default_rng(0)
    features = generator.standard_normal((40, 5)) * (generator.random((40, 5)) < 0.6)
    targets = generator.integers(0, 3, 40)

    def loss(flat):
        weights, bias = flat[3:].reshape(5, 3), flat[:3]
        total = 0.1 / 2 * (weights**2).sum()
        for x, y in zip(features, targets, strict=True):
            scores = np.exp(x @ weights + bias)
            total -= math.log(scores[y] / scores.sum())
        return total

    monkeypatch.setattr(references, "_TOLERANCE", 1e-12)
    weights, bias = fit_softmax(csr_matrix(features), targets, 3, 0.1)
    ours = np.concatenate([bias, weights.ravel()])
    assert np.abs(approx_fprime(ours, loss)).max() < 1e-4
    other = minimize(loss, generator.standard_normal(18), method="BFGS")
    assert loss(ours) == pytest.approx(other.fun, abs=1e-6)
    assert weights == pytest.approx(other.x[3:].reshape(5, 3), abs=1e-3)


def test_tfidf_weights_by_hand():
    texts = ["ab ab", "ab c", "xc"]
    found = TfIdf([make(text, label) for text, label in zip(texts, "pqp", strict=True)])
    # In two of three texts: n-grams of " ab " and "c "; nothing else is in more than one.
    shared = {" a", "a", "ab", "b", "b ", " ab", "ab ", " ab ", "c", "c "}
    assert set(found._columns) == shared
    row = found._features([found._count(make("abab c", "?"))]).toarray()[0]
    counts = {"a": 2, "b": 2, "ab": 2, " a": 1, " ab": 1, "b ": 1, "ab ": 1, "c": 1, "c ": 1}
    expected = np.array(
        [
            (1 + math.log(counts[ngram])) * math.log(3 / 2) if ngram in counts else 0
            for ngram in found._columns
        ]
    )
    assert row == pytest.approx(expected / np.linalg.norm(expected))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_tfidf_learns_both_languages(language):
    training = [row for row in TRAIN if row.language == language]
    items = [row for row in TEST if row.language == language]
    learnt = accuracy(TfIdf(training), items)
    assert learnt > 0.6
    assert learnt > accuracy(Majority(training), items) + 0.3


def test_an_instruction_before_every_row_changes_nothing():
    labels = ", ".join(sorted({row.label for row in TRAIN}))

    def instructed(row):
        def change(messages):
            said = f"Which intent is this: {labels}?\n\n{messages[0]['content']}"
            return ({"role": "user", "content": said}, *messages[1:])

        return row_with(row, change)

    items = TEST[:40]
    plain = TfIdf(TRAIN).logprobs(items)
    framed = TfIdf([instructed(row) for row in TRAIN]).logprobs([instructed(r) for r in items])
    assert framed == pytest.approx(plain, abs=1e-6)


def test_the_answer_is_not_looked_at():
    found = TfIdf(TRAIN[:200])
    items = TEST[:10]
    hidden = [replace(make("", "?"), id=row.id, messages=(*row.messages[:-1],
              {"role": "assistant", "content": "?"})) for row in items]  # fmt: skip
    assert found.write(hidden, 50) == found.write(items, 50)


def test_a_reference_goes_through_the_tasks_as_any_respondent(tmp_path):
    labels = tuple(sorted({row.label for row in TRAIN}))
    found = Majority(TRAIN)
    right = sum(row.label == found.write([row], 99)[0].text for row in TEST[:50])
    for grade in ("likelihood", "generation"):
        task = Classification(
            kind="classification", name="intents", data=DataSource(set="bookshop"), grade=grade
        )
        path = tmp_path / f"{grade}.jsonl"
        evaluate(task, TEST[:50], labels, found, path)
        assert sum(record.correct for record in read_records(path)) == right
    task = BitsPerByte(kind="bits_per_byte", name="bits", data=DataSource(set="bookshop"))
    with pytest.raises(LeitaiError, match="cannot measure"):
        evaluate(task, TEST[:1], (), found, tmp_path / "bits.jsonl")


def test_rows_without_labels_are_refused():
    bare = [replace(make("a", "x"), label=None)]
    for name in ("majority", "random", "tfidf"):
        with pytest.raises(LeitaiError, match="training rows have none"):
            make_reference(name, bare, 1)
    with pytest.raises(LeitaiError, match="at least two labels"):
        make_reference("tfidf", [make("a", "x")], 1)
    with pytest.raises(LeitaiError, match="no probability of a text"):
        Majority([make("a", "x")]).measure([])


def test_a_source_is_exactly_one_kind(tmp_path):
    for fields in ({}, {"model": "a", "reference": "random"}):
        with pytest.raises(ValidationError, match="exactly one of"):
            SourceSpec(**fields)
    spec = SourceSpec(reference="majority")
    assert spec.source == "majority"
    opened = open_respondent(spec, Prompting(), folder=tmp_path, training=TRAIN)
    assert isinstance(opened, Majority)
    states = {
        state_of(spec, tmp_path, TRAIN, 1),
        state_of(spec, tmp_path, TRAIN[1:], 1),
        state_of(SourceSpec(reference="random"), tmp_path, TRAIN, 1),
        state_of(SourceSpec(reference="random"), tmp_path, TRAIN, 2),
    }
    assert len(states) == 4
