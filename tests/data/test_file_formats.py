"""JSON documents, CSV, TSV and Parquet to records."""

import csv
import gzip
import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitai.base import LeitaiError
from leitai.data.files import read_records

RECORDS = [{"text": "你好，\n世界", "label": "a"}, {"text": 'he said "no", twice', "label": "b"}]


def values(path):
    return [record for _, record, _ in read_records(path)]


def put(path, text: str):
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def as_csv(records) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")
LINES = "\n".join(json.dumps(record) for record in RECORDS)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", LINES),
        ("a.ndjson", LINES),
        ("a.jsonl.gz", LINES),
        ("lines.json", LINES),
        ("a.json", json.dumps(RECORDS)),
        ("a.json", json.dumps(RECORDS, indent=2, ensure_ascii=False)),
        ("a.json.gz", "\ufeff" + json.dumps(RECORDS, indent=1)),
        ("a.csv", as_csv(RECORDS)),
        ("a.csv.gz", "\ufeff" + as_csv(RECORDS)),
        ("A.CSV", as_csv(RECORDS)),
    ],
)
def test_all_files_say_the_same(tmp_path, name, text):
    assert values(put(tmp_path / name, text)) == RECORDS


@given(
    rows=st.lists(
        st.lists(
            st.text(CHARACTERS, max_size=9),
            min_size=3,
            max_size=3,
        ).filter(any),
        max_size=6,
    )
)
def test_csv_of_the_standard_writer_comes_back(tmp_path_factory, rows):
    records = [dict(zip(("a", "b", "c"), row, strict=True)) for row in rows]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["a", "b", "c"])
    writer.writerows(rows)
    path = put(tmp_path_factory.mktemp("csv") / "a.csv", out.getvalue())
    assert values(path) == records


def test_tsv_takes_quotes_as_they_are(tmp_path):
    path = put(tmp_path / "a.tsv", 'text\tlabel\n"Open" sign\tx\n5" disk\ty\n')
    assert values(path) == [
        {"text": '"Open" sign', "label": "x"},
        {"text": '5" disk', "label": "y"},
    ]


def test_places_are_lines_of_the_file(tmp_path):
    text = 'text,label\n"one\ntwo",x\n\nthree,y\n'
    path = put(tmp_path / "a.csv", text)
    assert [where for where, _, _ in read_records(path)] == [f"{path}, line 2", f"{path}, line 5"]
    path = put(tmp_path / "a.json", '[\n{"a": 1},\n\n{"a": 2}]')
    assert [where for where, _, _ in read_records(path)] == [
        f"{path}, line 2 (item 1)",
        f"{path}, line 4 (item 2)",
    ]


def test_an_object_of_lists_keeps_its_names(tmp_path):
    path = put(tmp_path / "a.json", '{"train": [["hi", "greet"]], "val": [["bye", "part"]]}')
    assert [(record, key) for _, record, key in read_records(path)] == [
        ({"text": "hi", "label": "greet"}, "train"),
        ({"text": "bye", "label": "part"}, "val"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "a,b\n1,2,3\n", "line 2: 3 fields where the header has 2"),
        ("a.csv", "a,b\n1\n", "line 2: 1 fields where the header has 2"),
        ("a.csv", "a,a\n1,2\n", 'line 1: the header names the column "a" twice'),
        ("a.csv", 'a,b\n1,2\n"x,3\n4,5\n', "line 3: not valid CSV"),
        ("a.csv", 'a,b\n"x"y,3\n', "line 2: not valid CSV"),
        ("a.json", '[{"a": 1}\n{"a": 2}]', 'line 2: not valid JSON (expected "," or "]")'),
        ("a.json", '[{"a": 1},\n {"a": }]', "line 2 (item 2): not valid JSON"),
        ("a.json", '[{"a": 1}] x', "line 1: not valid JSON (text after the end)"),
        ("a.json", '[{"a": 1, "a": 2}]', '"a" stands twice'),
        ("a.json", "[1, 2]", "expected an object with fields, found int"),
        ("a.json", '{"data": {"a": 1},\n"b": 1}', "expected a list of records"),
        ("a.json", "", "not valid JSON"),
        ("a.jsonl", '["a", "b", "c"]', "expected an object with fields, found list"),
        ("a.xlsx", "", 'cannot read files of type ".xlsx"'),
        ("a.parquet.gz", "", "cannot read files of type"),
        ("a", "", "cannot read files of type"),
        ("a.parquet", "no parquet", "not a readable Parquet file"),
    ],
)
def test_damaged_files_are_one_line(tmp_path, name, text, message):
    with pytest.raises(LeitaiError) as caught:
        values(put(tmp_path / name, text))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_broken_utf8_names_line_and_byte(tmp_path):
    path = tmp_path / "gbk.csv"
    path.write_bytes(b"text,label\n" + "你好,a\n".encode("gb18030"))
    with pytest.raises(LeitaiError, match=r"line 2: not UTF-8 \(byte 1 of the line is 0xc4"):
        values(path)
    path = tmp_path / "gbk.json"
    path.write_bytes(b"[\n" + '"你好"]'.encode("gb18030"))
    with pytest.raises(LeitaiError, match="line 2: not UTF-8"):
        values(path)


def test_parquet(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    messages = [[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]]
    path = tmp_path / "a.parquet"
    parquet.write_table(arrow.table({"messages": messages, "n": [1]}), path)
    assert [(where, record) for where, record, _ in read_records(path)] == [
        (f"{path}, row 1", {"messages": messages[0], "n": 1})
    ]


def test_parquet_without_pyarrow_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(LeitaiError, match=r'needs pyarrow; pip install "leitai\[parquet\]"'):
        values(tmp_path / "a.parquet")
