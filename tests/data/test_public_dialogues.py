"""Dialogues and histories as published; the former are skipped where they are not at hand."""

import gzip
import os
from collections import Counter
from pathlib import Path

import pytest

from leitai.base import LeitaiError
from leitai.data import DataSource, labels_of, load_rows
from leitai.evaluation.metrics.consistency import contradictions

ROOT = Path(
    os.environ.get("LEITAI_DATA_ROOT") or Path(__file__).parents[2] / ".." / "shared" / "data"
).resolve()


def load(root, **fields):
    source = DataSource.model_validate(fields)
    rows = load_rows(source, base_folder=Path("/nowhere"), data_root=root)
    return rows, labels_of(source, rows, base_folder=Path("/nowhere"), data_root=root)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "view", "count", "dialogues", "language"),
    [
        ("crosswoz", "dialogues", 4229, 500, "zh"),
        ("kdconv", "dialogues", 4659, 450, "zh"),
        ("kdconv", "grounded", 3419, 450, "zh"),
        ("sgd", "dialogues", 6033, 653, "en"),
    ],
)
def test_every_answer_of_a_dialogue_is_asked(name, view, count, dialogues, language):
    if not (ROOT / name).is_dir():
        pytest.skip(f"{name} is not below {ROOT}")
    rows, _ = load(ROOT, set=name, view=view)
    assert len(rows) == count
    assert len({row.group for row in rows}) == dialogues
    assert {row.language for row in rows} == {language}
    parts = {}
    for row in rows:
        assert parts.setdefault(row.group, row.split) == row.split
        roles = [message["role"] for message in row.messages]
        assert roles == (["system"] + ["user", "assistant"] * len(roles))[: len(roles)]
        assert roles[-1] == "assistant"
        told = row.messages[-1]["content"]
        assert not contradictions(told, row.facts["accepted"], row.facts["rivals"]), row.source
    assert set(parts.values()) == {"train", "validation", "test"}
    assert sum(bool(row.facts["rivals"]) for row in rows) > count / 4
    with pytest.raises(LeitaiError, match="no template 50"):
        load(ROOT, set=name, view=view, template=50)


@pytest.mark.data
def test_a_real_catalogue_is_the_list_of_labels():
    if not (ROOT / "goodbooks").is_dir():
        pytest.skip(f"goodbooks is not below {ROOT}")
    rows, titles = load(ROOT, set="goodbooks")
    assert len(titles) == 10_000
    assert "The Hunger Games (The Hunger Games, #1)" in titles
    assert Counter(row.split for row in rows) == {"train": 414, "validation": 414, "test": 414}
    assert all(row.label in titles for row in rows)
    assert all(row.label not in row.facts["history"] for row in rows)


@pytest.mark.data
def test_clinc150_has_questions_out_of_scope():
    if not (ROOT / "clinc150").is_dir():
        pytest.skip(f"clinc150 is not below {ROOT}")
    rows, labels = load(ROOT, set="clinc150")
    assert len(labels) == 151
    assert sum(row.label == "oos" and row.split == "validation" for row in rows) == 100


FILMS = [
    ("1", "Toy Story (1995)", "Animation|Children's"),
    ("2", "Les Misérables (1995)", "Drama"),
    ("3", "Heat (1995)", "Action"),
    ("4", "Heat (1995)", "Comedy"),
    ("5", "Sabrina, or: A Tale (1995)", "Comedy"),
    ("6", "Casino (1995)", "Drama"),
]
# user, film, rating, time: not in order, with one that was not liked
RATED = [(7, n, 5 if n != 6 else 3, 100 - n) for n in range(1, 7)] + [(8, 1, 5, 1)]


def movielens_dat(folder):
    films = "".join(f"{a}::{b}::{c}\n" for a, b, c in FILMS)
    (folder / "movies.dat").write_bytes(films.encode("latin-1"))
    (folder / "ratings.dat").write_text("".join(f"{u}::{i}::{r}::{t}\n" for u, i, r, t in RATED))


def movielens_csv(folder):
    films = "".join(f'{a},"{b}",{c}\n' for a, b, c in FILMS)
    (folder / "movies.csv").write_text("movieId,title,genres\n" + films, "utf-8")
    rated = "".join(f"{u},{i},{r}.0,{t}\n" for u, i, r, t in RATED)
    with gzip.open(folder / "ratings.csv.gz", "wt") as file:
        file.write("userId,movieId,rating,timestamp\n" + rated)


@pytest.mark.parametrize("publish", [movielens_dat, movielens_csv])
def test_movielens_in_both_its_forms(tmp_path, publish):
    (tmp_path / "movielens").mkdir()
    publish(tmp_path / "movielens")
    rows, titles = load(tmp_path, set="movielens")
    assert len(titles) == len(set(titles)) == 6
    assert titles[1] == "Les Misérables (1995)"
    assert titles[3] == "Heat (1995) (Comedy)"
    by_split = {row.split: row for row in rows}
    assert len(rows) == len(by_split) == 3  # user 8 has too few
    assert by_split["test"].label == "Toy Story (1995)"
    assert by_split["test"].facts["history"] == [titles[n] for n in (4, 3, 2, 1)]
    assert by_split["validation"].label == "Les Misérables (1995)"
    assert by_split["train"].label == "Heat (1995)"
    assert by_split["test"].messages[0]["content"].startswith("A viewer liked these films")


def test_goodbooks_with_ratings(tmp_path):
    folder = tmp_path / "goodbooks"
    folder.mkdir()
    books = "".join(f'{n},"Author {n}",2000.0,"Title {n % 5}"\n' for n in range(1, 8))
    (folder / "books.csv").write_text(
        "book_id,authors,original_publication_year,title\n" + books, "utf-8"
    )
    rated = "".join(f"3,{n},4\n" for n in (4, 2, 1, 7, 5, 6))
    (folder / "ratings.csv").write_text("user_id,book_id,rating\n" + rated, "utf-8")
    rows, titles = load(tmp_path, set="goodbooks", view="recommendation")
    assert titles[5] == "Title 1 (Author 6)"
    (test,) = (row for row in rows if row.split == "test")
    assert test.label == "Title 1 (Author 6)"
    assert test.facts["history"][0] == "Title 4"


def test_a_broken_line_is_named(tmp_path):
    folder = tmp_path / "movielens"
    folder.mkdir()
    movielens_dat(folder)
    (folder / "ratings.dat").write_text("7::1::5::9\n7::1::5\n")
    with pytest.raises(LeitaiError, match=r"ratings\.dat, line 2: 3 fields where 4"):
        load(tmp_path, set="movielens")
    (folder / "ratings.dat").write_text("7::1::five::9\n")
    with pytest.raises(LeitaiError, match=r"'five' is no number"):
        load(tmp_path, set="movielens")
    crosswoz = tmp_path / "crosswoz"
    crosswoz.mkdir()
    (crosswoz / "val.jsonl").write_text('{"id": "1", "messages": [{"role": "usr"}]}\n')
    with pytest.raises(LeitaiError, match=r"line 1: not in CrossWOZ's format"):
        load(tmp_path, set="crosswoz")
