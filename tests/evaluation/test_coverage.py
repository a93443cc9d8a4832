"""The table at the head of docs/evaluation.md: all that it names is there and works."""

import re
import sys
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from leitai.data import DataSource, labels_of, load_rows
from leitai.data.catalogue import public_set
from leitai.evaluation import MEASURES, Task
from leitai.evaluation.asking import Prompting

sys.path.insert(0, str(Path(__file__).parent.parent / "comparison"))
from scripted import Scripted

PAGE = Path(__file__).parent.parent.parent / "docs" / "evaluation.md"
PROMPTING = Prompting()
TASK = TypeAdapter(Task)
FEWCLUE = {"tnews", "iflytek", "csldcp", "fewclue"}


def table():
    """The table's rows: kinds, bundled views, and the public sets' cell."""
    head = PAGE.read_text("utf-8").split("\n## ")[0]
    lines = [line for line in head.splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [
        (re.findall(r"`(\w+)`", row[1]), re.findall(r"`(\w+)`", row[3]), row[4]) for row in cells
    ]


def pairs():
    found = []
    for named, views, _ in table():
        kinds = [kind for kind in named if kind != "python"]
        if len(kinds) == len(views):
            found += zip(kinds, views, strict=True)
        else:
            found += [(kind, view) for kind in kinds for view in views or ["replies"]]
    return found


@pytest.mark.parametrize(("kind", "view"), pairs())
def test_a_bundled_view_is_asked_in_both_languages_by_its_kind(kind, view):
    if kind == "graph_query":
        pytest.importorskip("pyoxigraph", reason='running queries needs pip install "leitai[apps]"')
    if kind == "translation":
        pytest.importorskip("sacrebleu", reason='BLEU needs pip install "leitai[metrics]"')
    source = DataSource(set="bookshop", view=view)
    rows = load_rows(source, base_folder=Path(), data_root=None)
    task = TASK.validate_python({"name": "t", "kind": kind, "data": source, "split": "all"})
    labelled = any(row.label is not None for row in rows)
    labels = labels_of(source, rows, base_folder=Path(), data_root=None) if labelled else ()
    assert task.metric in MEASURES
    for language in ("zh", "en"):
        items = [row for row in rows if row.language == language][:3]
        assert items, f"{view} has nothing in {language}"
        records = task.assess(items, labels, Scripted("r-100", PROMPTING))
        assert len(records) == len(items)
        if MEASURES[task.metric].unit == "share":  # who knows every answer has full marks
            assert [r.numerator for r in records] == [r.denominator for r in records]


def test_every_public_set_of_the_table_is_in_the_catalogue():
    named = set()
    for _, _, cell in table():
        words = re.sub(r"\(.*?\)", "", cell).replace("FewCLUE", "fewclue").split(",")
        named |= {name for words_ in words for name in words_.lower().replace("-", "").split()}
    assert {"banking77", "cmmlu", "ceval", "wmt_zh_en", "goodbooks"} <= named
    for name in named - FEWCLUE:
        assert public_set(name).name == name
    assert FEWCLUE - {"fewclue"} <= public_set("fewclue").views.keys()
