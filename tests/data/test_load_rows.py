"""A source as a spec writes it, to rows: found, checked, labelled, divided."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from leitai.base import LeitaiError
from leitai.data import DataSource, data_hash, labels_of, load_rows

TABLE = "text,label,lang,who,part\n" + "".join(
    f"question {n},{'ab'[n % 2]},{'zh' if n % 3 else 'en'},customer {n % 5},train\n"
    for n in range(20)
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LEITAI_DATA_ROOT", str(tmp_path / "root"))
    (tmp_path / "table.csv").write_text(TABLE)
    return tmp_path


def load(folder, **fields):
    return load_rows(DataSource.model_validate(fields), base_folder=folder)


def failure(folder, **fields) -> str:
    with pytest.raises(LeitaiError) as caught:
        load(folder, **fields)
    text = str(caught.value)
    assert "\n" not in text
    return text


def jsonl(folder, rows, name="rows.jsonl") -> str:
    (folder / name).write_text("\n".join(json.dumps(row) for row in rows))
    return name


def test_columns_fill_the_row(folder):
    rows = load(
        folder,
        path="table.csv",
        columns={"language": "lang", "group": "who", "split": "part"},
    )
    assert len(rows) == 20
    row = rows[1]
    assert row.messages == (
        {"role": "user", "content": "question 1"},
        {"role": "assistant", "content": "b"},
    )
    assert (row.label, row.language, row.group, row.split) == ("b", "zh", "customer 1", "train")
    assert row.source == "table.csv, line 3"


def test_the_specs_folder_comes_before_the_data_root(folder, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "table.csv").write_text("text,label\nroot,a\nroot too,b\n")
    (root / "other.csv").write_text("text,label\nroot,a\nroot too,b\n")
    assert len(load(folder, path="table.csv")) == 20
    assert len(load(folder, path="other.csv")) == 2
    source = DataSource(path="other.csv")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "other.csv").write_text("text,label\nx,a\ny,b\nz,b\n")
    assert len(load_rows(source, base_folder=folder, data_root=elsewhere)) == 3


def test_ids_follow_the_content_not_the_place(folder):
    header, *lines = TABLE.splitlines()
    (folder / "turned.csv").write_text("\n".join([header, *reversed(lines)]))
    ids = {row.messages[0]["content"]: row.id for row in load(folder, path="table.csv")}
    turned = {row.messages[0]["content"]: row.id for row in load(folder, path="turned.csv")}
    assert ids == turned
    assert len(set(ids.values())) == 20


def test_equal_rows_get_ids_of_their_own(folder):
    (folder / "t.csv").write_text("text,label\nhi,a\nhi,a\nho,b\n")
    notes = []
    rows = load_rows(DataSource(path="t.csv"), base_folder=folder, notes=notes)
    assert len({row.id for row in rows}) == 3
    assert any("1 rows repeat the question" in note for note in notes)


def test_a_question_with_two_answers_is_noted(folder):
    (folder / "t.csv").write_text("text,label\nhi,a\nhi,b\n")
    notes = []
    load_rows(DataSource(path="t.csv"), base_folder=folder, notes=notes)
    assert any("with another answer (t.csv, line 2 and t.csv, line 3)" in note for note in notes)


def test_one_file_a_split(folder):
    (folder / "train.csv").write_text("id,text,label\n0,hi,a\n1,ho,b\n")
    (folder / "test.csv").write_text("id,text,label\n0,hi,a\n1,hum,b\n")
    paths = {"train": "train.csv", "test": "test.csv"}
    rows = load(folder, path=paths, columns={"id": "id"})
    assert [(row.id, row.split) for row in rows] == [
        ("train/0", "train"),
        ("train/1", "train"),
        ("test/0", "test"),
        ("test/1", "test"),
    ]
    assert len({row.id for row in load(folder, path=paths)}) == 4


def test_language_fills_in_and_filters(folder):
    assert {row.language for row in load(folder, path="table.csv", language="en")} == {"en"}
    rows = load(folder, path="table.csv", columns={"language": "lang"}, language="zh")
    assert len(rows) == 13
    assert 'no rows in language "fr"' in failure(
        folder, path="table.csv", columns={"language": "lang"}, language="fr"
    )


def test_the_instruction_stands_before_the_first_question(folder):
    rows = load(folder, path="table.csv", instruction="Which class?")
    assert rows[0].messages[0]["content"] == "Which class?\n\nquestion 0"
    messages = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "two"},
        {"role": "assistant", "content": "2"},
    ]
    rows = load(folder, path=jsonl(folder, [{"messages": messages}]), instruction="I")
    assert [m["content"] for m in rows[0].messages] == ["s", "I\n\none", "1", "two", "2"]


def test_labels_in_declared_order_or_sorted(folder):
    def labels(**fields):
        source = DataSource.model_validate({"path": "table.csv", **fields})
        rows = load_rows(source, base_folder=folder)
        return labels_of(source, rows, base_folder=folder)

    (folder / "labels.json").write_text('["b", "c", "a"]')
    assert labels() == ("a", "b")
    assert labels(labels=["b", "a"]) == ("b", "a")
    assert labels(labels="labels.json") == ("b", "c", "a")


def test_a_label_outside_the_list_is_refused_by_line(folder):
    text = failure(folder, path="table.csv", labels=["bb", "a"])
    assert 'table.csv, line 3: the label "b" is not in the list' in text
    assert "add it" in text
    (folder / "labels.json").write_text('{"a": 1}')
    for labels, message in (
        ("labels.json", "expected a JSON list of labels"),
        (["a", "b", "a"], 'the label "a" stands twice'),
        (["a"], "fewer than two labels"),
    ):
        assert message in failure(folder, path="table.csv", labels=labels)


@pytest.mark.parametrize("text", ["", "text,label\n", "text,label\n\n\n"])
def test_empty_data(folder, text):
    (folder / "t.csv").write_text(text)
    assert "t.csv: no rows" in failure(folder, path="t.csv")


def test_one_class(folder):
    (folder / "t.csv").write_text("text,label\nx,a\ny,a\n")
    assert 'all 2 rows have the one label "a"' in failure(folder, path="t.csv")


def test_duplicate_ids_name_both_lines(folder):
    (folder / "t.csv").write_text("id,text,label\n7,x,a\n8,y,b\n7,z,a\n")
    text = failure(folder, path="t.csv", columns={"id": "id"})
    assert 't.csv, line 4: the id "7" stands already in t.csv, line 2' in text


def test_all_wrong_rows_are_counted(folder):
    (folder / "t.csv").write_text("text,label\nx,a\n ,b\ny,b\nz,\n,\n")
    text = failure(folder, path="t.csv")
    assert 'line 3, column "text": empty' in text
    assert text.endswith("3 rows have mistakes in all")


def test_missing_columns_name_the_nearest(folder):
    text = failure(folder, path="table.csv", columns={"text": "texts", "label": "label"})
    assert 'no field "texts" (did you mean "text"?)' in text
    assert "present are: text, label, lang, who, part" in text
    text = failure(folder, path="table.csv", columns={"group": "whom"})
    assert 'no field "whom" (did you mean "who"?)' in text


def test_unclear_columns_are_asked_for(folder):
    (folder / "t.csv").write_text("text,question,label\nx,y,a\nx,z,b\n")
    text = failure(folder, path="t.csv")
    assert "which column is the text? several could be it: text, question" in text
    assert "set columns.text" in text


def test_unknown_split_and_format(folder):
    (folder / "t.csv").write_text("text,label,part\nx,a,train\ny,b,tset\n")
    assert 'unknown split "tset" (did you mean "test"?)' in failure(
        folder, path="t.csv", columns={"split": "part"}
    )
    assert "cannot tell the format" in failure(folder, path=jsonl(folder, [{"a": 1}]))


def test_missing_files_say_where_they_were_looked_for(folder):
    text = failure(folder, path="none.csv")
    assert str(folder / "none.csv") in text
    assert str(folder / "root" / "none.csv") in text


def test_missing_sets_say_how_to_get_them(folder):
    text = failure(folder, set="banking77")
    assert str(folder / "root" / "banking77" / "train.csv") in text
    assert "leitai data get banking77" in text
    assert "--data-root" in text
    text = failure(folder, set="banking7")
    assert 'unknown data set "banking7" (did you mean "banking77"?)' in text


def test_without_root_or_variable_the_users_cache_is_used(folder, monkeypatch):
    monkeypatch.delenv("LEITAI_DATA_ROOT")
    monkeypatch.setenv("HOME", str(folder / "home"))
    assert str(folder / "home/.cache/leitai/data/banking77") in failure(folder, set="banking77")


def test_limits(folder):
    rows = load(folder, path="table.csv", split={"validation": 0.2, "test": 0.2}, per_label=3)
    parts = {name: [r for r in rows if r.split == name] for name in ("train", "validation", "test")}
    assert Counter(row.label for row in parts["train"]) == {"a": 3, "b": 3}
    assert (len(parts["validation"]), len(parts["test"])) == (4, 4)
    more = load(folder, path="table.csv", split={"validation": 0.2, "test": 0.2}, per_label=4)
    assert {row.id for row in rows} < {row.id for row in more}
    other = load(
        folder, path="table.csv", split={"validation": 0.2, "test": 0.2}, per_label=3, seed=1
    )
    assert {row.id for row in rows} != {row.id for row in other}
    assert len(load(folder, path="table.csv", limit=7)) == 7
    rows = load(folder, path="table.csv", split={"validation": 0.2, "test": 0.2}, limit=3)
    assert Counter(row.split for row in rows) == {"train": 3, "validation": 3, "test": 3}
    chat = jsonl(folder, [{"instruction": str(n), "output": "x"} for n in range(3)])
    assert "per_label, but no label" in failure(folder, path=chat, per_label=1)


def test_the_hash_sees_content_and_order_but_not_the_place(folder):
    rows = load(folder, path="table.csv")
    (folder / "copy.csv").write_text(TABLE)
    assert data_hash(load(folder, path="copy.csv")) == data_hash(rows)
    assert data_hash(rows[::-1]) != data_hash(rows)
    assert data_hash(rows[:-1]) != data_hash(rows)
    for field in ("id", "label", "language", "group", "split"):
        assert data_hash([replace(rows[0], **{field: "x"}), *rows[1:]]) != data_hash(rows)
    (folder / "copy.csv").write_text(TABLE.replace("question 3", "question 33"))
    assert data_hash(load(folder, path="copy.csv")) != data_hash(rows)


def test_placeholders_are_noted(folder):
    notes = []
    path = jsonl(folder, [{"instruction": "who?", "output": "I am {{name}}."}])
    load_rows(DataSource(path=path), base_folder=folder, notes=notes)
    assert any("placeholder" in note for note in notes)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"set": "bookshop", "path": "x.csv"},
        {"set": "bookshop", "format": "alpaca"},
        {"path": "x.csv", "view": "intents"},
        {"path": "x.csv", "template": 1},
        {"path": {}},
        {"path": {"dev": "x.csv"}},
        {"path": "x.csv", "colums": {}},
        {"path": "x.csv", "limit": 0},
        {"path": "x.csv", "split": {"validation": 0.7, "test": 0.5}},
        {"path": "x.csv", "split": {"train": 0.5, "validation": 0.1, "test": 0.1}},
    ],
)
def test_a_source_that_makes_no_sense(fields):
    with pytest.raises(ValidationError):
        DataSource.model_validate(fields)


@pytest.mark.parametrize(
    ("name", "view", "remedy"),
    [("bookshop", "reply", "use intents, replies"), ("banking77", "replies", "leave `view` out")],
)
def test_a_view_that_a_set_does_not_have(name, view, remedy):
    with pytest.raises(LeitaiError, match=f'no view "{view}".*{remedy}'):
        load_rows(DataSource(set=name, view=view), base_folder=Path())
