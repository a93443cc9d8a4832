"""Real files as people publish them; skipped where they are not at hand."""

import os
from collections import Counter
from pathlib import Path

import pytest

from leitai.base import LeitaiError
from leitai.data import DataSource, labels_of, load_rows, overlap

ROOT = Path(
    os.environ.get("LEITAI_DATA_ROOT") or Path(__file__).parents[2] / ".." / "shared" / "data"
).resolve()

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not ROOT.is_dir(), reason="no public data sets: set LEITAI_DATA_ROOT to their folder"
    ),
]


def need(name):
    if not (ROOT / name).exists():
        pytest.skip(f"{name} is not below {ROOT}")


def load(**fields):
    notes: list[str] = []
    source = DataSource.model_validate(fields)
    return load_rows(source, base_folder=Path("/nowhere"), data_root=ROOT, notes=notes), notes


def test_banking77():
    need("banking77/train.csv")
    rows, _ = load(set="banking77")
    source = DataSource(set="banking77")
    labels = labels_of(source, rows, base_folder=Path(), data_root=ROOT)
    assert len(rows) == 10_003
    assert len(labels) == 77
    assert labels[0] == "card_arrival"
    parts = Counter(row.split for row in rows)
    assert parts["train"] > 6900
    assert parts["test"] > 1900
    assert parts["validation"] > 900
    by_label = Counter((row.label, row.split) for row in rows)
    assert all(by_label[label, name] >= 2 for label in labels for name in parts)
    few, _ = load(set="banking77", per_label=5)
    assert Counter(row.split for row in few)["train"] == 5 * 77
    assert len({row.id for row in rows}) == len(rows)


def test_banking77_questions_that_come_twice_are_found():
    need("banking77/train.csv")
    rows, _ = load(set="banking77", per_label=10, limit=770)
    train = [row for row in rows if row.split == "train"]
    test = [row for row in rows if row.split == "test"]
    found = overlap(train, test)
    assert 10 < len(found) < len(test)
    assert found[0][2] <= 1.0
    assert found[-1][2] >= 0.6


def test_clinc150():
    need("clinc150/data_full.json.gz")
    rows, notes = load(set="clinc150")
    labels = {row.label for row in rows}
    assert len(labels) == 151
    assert "oos" in labels
    assert Counter(row.split for row in rows if row.split != "test") == {
        "train": 15_100,
        "validation": 3_100,
    }
    assert any("with another answer" in note for note in notes)


def test_bitext_with_a_file_for_each_split():
    need("bitext_intents/train.csv")
    rows, _ = load(
        path={"train": "bitext_intents/train.csv", "validation": "bitext_intents/dev.csv"},
        columns={"text": "utterance", "label": "intent", "group": "category"},
        language="en",
    )
    assert Counter(row.split for row in rows) == {"train": 6480, "validation": 810}
    assert len({row.label for row in rows}) == 27
    assert rows[0].group == "ORDER"


@pytest.mark.parametrize(
    ("name", "count", "label", "classes"),
    [
        ("tnews/train_few_all.json", 1185, "label_desc", 15),
        ("eprstmt/train_few_all.json", 160, None, 2),
        ("csldcp/train_few_all.json.gz", 2036, None, 67),
        ("iflytek/train_0.json", 928, "label_des", None),
    ],
)
def test_fewclue_lines_under_a_json_name(name, count, label, classes):
    need(f"fewclue/{name}")
    columns = {"label": label} if label else {}
    rows, _ = load(path=f"fewclue/{name}", columns=columns, language="zh")
    assert len(rows) == count
    assert classes in (None, len({row.label for row in rows}))


@pytest.mark.parametrize(
    ("name", "count", "read_as"),
    [
        ("alpaca_en_demo.json", 999, "alpaca"),
        ("alpaca_zh_demo.json", 1000, "alpaca"),
        ("identity.json", 91, "alpaca"),
        ("glaive_toolcall_en_demo.json", 300, "sharegpt"),
    ],
)
def test_demonstration_files(name, count, read_as):
    need(f"llamafactory_demo/{name}")
    rows, notes = load(path=f"llamafactory_demo/{name}")
    assert len(rows) == count
    assert f"llamafactory_demo/{name}: read as {read_as}" in notes
    assert all(row.messages[-1]["role"] == "assistant" for row in rows)
    if read_as == "sharegpt":
        calls = [m["tool_calls"] for row in rows for m in row.messages if "tool_calls" in m]
        assert len(calls) > 100
        assert all(isinstance(call[0]["function"]["arguments"], dict) for call in calls)
        assert sum(row.tools is not None for row in rows) > 100


def test_a_tools_answer_that_nobody_asked_for_is_found():
    need("llamafactory_demo/glaive_toolcall_zh_demo.json")
    with pytest.raises(LeitaiError, match=r"line 5819 \(item 198\).*2 rows have mistakes in all"):
        load(path="llamafactory_demo/glaive_toolcall_zh_demo.json")


@pytest.mark.parametrize("name", ["dpo_en_demo.json.gz", "dpo_zh_demo.json", "kto_en_demo.json"])
def test_preference_data_is_refused_by_name(name):
    need(f"llamafactory_demo/{name}")
    with pytest.raises(LeitaiError, match="not examples to imitate"):
        load(path=f"llamafactory_demo/{name}")


def test_a_packed_table_with_gaps_tells_of_the_first_and_counts_all():
    need("goodbooks/books.csv.gz")
    message = r'line 46, column "language_code": empty.*1,084 rows have mistakes in all'
    with pytest.raises(LeitaiError, match=message):
        load(path="goodbooks/books.csv.gz", columns={"text": "title", "label": "language_code"})
