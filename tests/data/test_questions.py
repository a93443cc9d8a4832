"""Questions of one's own: columns, templates, choices."""

import json

import pytest

from leitai.base.errors import LeitaiError
from leitai.data import DataSource, load_rows


def rows(tmp_path, records, **fields):
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in records), "utf-8")
    source = DataSource.model_validate({"path": "mine.jsonl", "format": "questions", **fields})
    return load_rows(source, base_folder=tmp_path, data_root=tmp_path)


def test_a_question_as_it_stands(tmp_path):
    (row,) = rows(tmp_path, [{"question": "2+2?", "answer": ["4", "four"], "id": 7}])
    assert [m["content"] for m in row.messages] == ["2+2?", "4"]
    assert row.facts == {"answers": ["4", "four"]}
    assert row.id == "7"


def test_a_template_a_language_and_a_group(tmp_path):
    record = {"q": "谁？", "passage": "文", "gold": "我", "lang": "zh", "doc": "d1"}
    (row,) = rows(
        tmp_path,
        [record],
        columns={"answer": "gold", "language": "lang", "group": "doc"},
        ask={"zh": "{passage}\n问：{q}", "en": "{passage}\nQ: {q}"},
    )
    assert row.messages[0]["content"] == "文\n问：谁？"
    assert (row.language, row.group) == ("zh", "d1")
    with pytest.raises(LeitaiError, match="no template for the language 'fr'"):
        rows(
            tmp_path,
            [{**record, "lang": "fr"}],
            columns={"answer": "gold", "language": "lang"},
            ask={"zh": "{q}"},
        )


def test_a_question_without_an_answer_is_one_to_abstain_from(tmp_path):
    found = rows(
        tmp_path,
        [{"question": "谁？", "answer": None}, {"question": "何时？", "answer": "昨天|昨日"}],
        language="zh",
    )
    assert [row.facts["answers"] for row in found] == [[], ["昨天", "昨日"]]
    assert found[0].messages[-1]["content"] == "无法回答"


@pytest.mark.parametrize("right", ["B", "b", 1, "1", "green"])
def test_choices(tmp_path, right):
    record = {"question": "Grass?", "options": ["red", "green"], "answer": right}
    (row,) = rows(tmp_path, [record], columns={"choices": "options"})
    assert row.messages[0]["content"] == "Grass?\nA. red\nB. green"
    assert row.messages[1]["content"] == "B"
    assert row.facts == {"choices": ["red", "green"], "right": 1, "bare": "Grass?"}
    (row,) = rows(
        tmp_path, [record], columns={"choices": "options"}, ask="{choices}\nWhich is {question}"
    )
    assert row.messages[0]["content"] == "A. red\nB. green\nWhich is Grass?"


@pytest.mark.parametrize(
    ("record", "fields", "message"),
    [
        ({"question": "?", "solution": "x"}, {}, "which column is the answer"),
        ({"ask": "?", "answer": "x"}, {}, "which column is the text"),
        ({"question": "?", "answer": "x"}, {"ask": "{questoin}"}, "did you mean"),
        (
            {"question": "?", "answer": "C", "c": ["x", "y"]},
            {"columns": {"choices": "c"}},
            "none of the 2 choices",
        ),
    ],
)
def test_mistakes(tmp_path, record, fields, message):
    with pytest.raises(LeitaiError, match=message):
        rows(tmp_path, [record], **fields)


def test_ask_goes_with_questions():
    with pytest.raises(ValueError, match="format: questions"):
        DataSource(path="x.csv", ask="{q}")


@pytest.mark.parametrize("template", ["Say {question", "Say }", "{question.name}", "{question:d}"])
def test_a_template_that_cannot_be_filled_in(tmp_path, template):
    with pytest.raises(LeitaiError, match=r"mine\.jsonl.*line 1.*template"):
        rows(tmp_path, [{"question": "2+2?", "answer": "4"}], ask=template)


@pytest.mark.parametrize("answer", [{"x": 1}, True, ["4", {"x": 1}], [["4"]]])
def test_an_answer_that_is_no_text(tmp_path, answer):
    with pytest.raises(LeitaiError, match="expected a text or a number"):
        rows(tmp_path, [{"question": "2+2?", "answer": answer}])
