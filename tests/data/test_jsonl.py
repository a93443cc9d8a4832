"""JSON lines: streamed, limited, strict; a mistake names its line."""

import gzip
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitai.base import LeitaiError
from leitai.data import read_jsonl
from leitai.data.lines import LINE_LIMIT

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


def write(path, data: bytes):
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@given(values=st.lists(json_values, max_size=8), ascii_only=st.booleans(), packed=st.booleans())
def test_every_json_value_comes_back(tmp_path_factory, values, ascii_only, packed):
    text = "\n".join(json.dumps(value, ensure_ascii=ascii_only) for value in values)
    path = tmp_path_factory.mktemp("lines") / ("a.jsonl.gz" if packed else "a.jsonl")
    write(path, text.encode())
    assert [value for _, value in read_jsonl(path)] == values


def test_lines_are_counted_from_one_and_blank_ones_passed_over(tmp_path):
    path = write(tmp_path / "a.jsonl", b'\xef\xbb\xbf{"a": 1}\r\n\n  \t\n[2]\n"\xe2\x80\xa8"')
    assert list(read_jsonl(path)) == [(1, {"a": 1}), (4, [2]), (5, "\u2028")]


def test_an_empty_file_has_no_rows(tmp_path):
    assert list(read_jsonl(write(tmp_path / "a.jsonl", b""))) == []


@pytest.mark.parametrize(
    ("data", "where", "what"),
    [
        (b'{"a": 1}\n{"a": 1', "line 2", "not valid JSON"),
        (b'{"a": 1, "a": 2}', "line 1", '"a" stands twice'),
        (b'{"a": {"b": 1, "b": 2}}', "line 1", '"b" stands twice'),
        (b'{"a": NaN}', "line 1", "NaN is not a JSON value"),
        (b'{"a": -Infinity}', "line 1", "-Infinity is not a JSON value"),
        (b'{"a": 1e999}', "line 1", "1e999 is too large"),
        (b'{"a": "\\ud83d"}', "line 1", "lone surrogate"),
        (b"[" * 200_000, "line 1", "nested too deeply"),
        (b"1" * 5000, "line 1", "digit"),
        (b'1\n2\n{"a": "\xff"}', "line 3", "not UTF-8 (byte 8 of the line is 0xff)"),
        (b"\xff\xfe{\x00}\x00", "a.jsonl", "UTF-16"),
        (b'{"a": 1} {"b": 2}', "line 1", "not valid JSON"),
        (b'{"a": "b\tc"}', "line 1", "not valid JSON"),
    ],
)
def test_what_json_does_not_allow_is_refused_by_line(tmp_path, data, where, what):
    path = write(tmp_path / "a.jsonl", data)
    with pytest.raises(LeitaiError) as caught:
        list(read_jsonl(path))
    assert where in caught.value.where
    assert what in caught.value.what
    assert "\n" not in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["long.jsonl", "long.jsonl.gz"])
def test_a_line_of_fifty_megabytes_is_refused_without_being_read(tmp_path, name):
    path = write(tmp_path / name, b'{"a": 1}\n"' + b"x" * (50 << 20) + b'"\n')
    tracemalloc.start()
    with pytest.raises(LeitaiError, match=r"line 2: longer than the limit of 16,777,216 bytes"):
        list(read_jsonl(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.5 * LINE_LIMIT


def test_a_line_of_exactly_the_limit_is_read(tmp_path):
    path = write(tmp_path / "a.jsonl", b'"12345678"\n1')
    assert [value for _, value in read_jsonl(path, limit=11)] == ["12345678", 1]
    with pytest.raises(LeitaiError, match="longer than the limit of 10"):
        list(read_jsonl(path, limit=10))


def test_rows_come_before_the_file_is_read_to_its_end(tmp_path):
    path = write(tmp_path / "a.jsonl", b'{"a": 1}\nnonsense\n')
    rows = read_jsonl(path)
    assert next(rows) == (1, {"a": 1})


def test_damaged_gzip_is_one_line(tmp_path):
    whole = gzip.compress(b'{"a": 1}\n' * 50_000)
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(whole[:-20])
    with pytest.raises(LeitaiError, match="damaged or truncated gzip"):
        list(read_jsonl(cut))
    none = tmp_path / "none.jsonl.gz"
    none.write_bytes(b'{"a": 1}')
    with pytest.raises(LeitaiError, match="damaged or truncated gzip"):
        list(read_jsonl(none))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(LeitaiError, match="no such file"):
        list(read_jsonl(tmp_path / "none.jsonl"))
    with pytest.raises(LeitaiError, match="is a folder"):
        list(read_jsonl(tmp_path))
