"""Popularity, ItemKNN and EASE: the formulas, and that they learn what the bookshop holds."""

import numpy as np
import pytest
from scipy.optimize import minimize

from leitai.base.errors import LeitaiError
from leitai.data import DataSource
from leitai.data.bookshop import rows
from leitai.evaluation.respondents.recommenders import (
    RECOMMENDERS,
    Recommender,
    ease,
    item_knn,
    popularity,
)
from leitai.evaluation.tasks import Recommendation

SEEN = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [1, 0, 0, 1], [1, 1, 0, 1.0]])


def test_popularity_counts():
    assert popularity(SEEN)[2].tolist() == [4, 4, 2, 2]


def test_item_knn_is_the_shrunk_cosine():
    plain = item_knn(SEEN, shrinkage=0.0)
    for i in range(4):
        for j in range(4):
            a, b = SEEN[:, i], SEEN[:, j]
            cosine = 0.0 if i == j else a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
            assert plain[i, j] == pytest.approx(cosine)
    assert item_knn(SEEN, shrinkage=4.0)[0, 1] == pytest.approx(3 / (4 + 4))


def test_ease_minimises_its_own_objective():
    penalty = 0.7
    free = ~np.eye(4, dtype=bool)

    def objective(values):
        weights = np.zeros((4, 4))
        weights[free] = values
        return ((SEEN - SEEN @ weights) ** 2).sum() + penalty * (weights**2).sum()

    found = minimize(objective, np.zeros(12), options={"gtol": 1e-9}).x
    assert ease(SEEN, penalty)[free] == pytest.approx(found, abs=1e-5)
    assert np.diag(ease(SEEN, penalty)).tolist() == [0, 0, 0, 0]


@pytest.fixture(scope="module")
def scores():
    asked = rows("recommendation")
    training = [row for row in asked if row.split == "train"]
    items = [row for row in asked if row.split == "test"]
    task = Recommendation(
        name="next", kind="recommendation", data=DataSource(set="bookshop", view="recommendation")
    )
    return {
        name: task.assess(items, (), Recommender(training, learn))
        for name, learn in RECOMMENDERS.items()
    }


def mean(records, name):
    return sum(record.measures[name] for record in records) / len(records)


def test_taste_is_worth_more_than_popularity(scores):
    hits = {name: mean(records, "hit_rate@10") for name, records in scores.items()}
    chance = 10 / 71
    assert hits["popularity"] > chance
    assert hits["item_knn"] > 1.5 * hits["popularity"]
    assert hits["ease"] > 1.5 * hits["popularity"]


def test_what_the_history_has_is_never_recommended(scores):
    history = {row.id: row.facts["history"] for row in rows("recommendation")}
    for records in scores.values():
        assert all(record.answer not in history[record.id] for record in records)


def test_both_languages_are_recommended_alike(scores):
    for records in scores.values():
        ranks = {
            language: [r.detail["rank"] for r in records if language in r.slices]
            for language in ("zh", "en")
        }
        assert ranks["zh"] == ranks["en"]


def test_a_row_without_history_is_refused():
    with pytest.raises(LeitaiError, match="no training row has a history"):
        Recommender(rows("replies")[:3])
    with pytest.raises(LeitaiError, match="needs training rows"):
        Recommender([])


def test_what_is_written_is_new_and_the_best_scored():
    asked = rows("recommendation")
    recommender = Recommender([row for row in asked if row.split == "train"], ease)
    items = [row for row in asked if row.split == "test"][:40]
    for row, written in zip(items, recommender.write(items, 100), strict=True):
        scores = recommender.scores(row)
        new = {title: score for title, score in scores.items() if title not in row.facts["history"]}
        assert written.text == max(sorted(new), key=new.__getitem__)
