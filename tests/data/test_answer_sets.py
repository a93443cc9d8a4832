"""Readers of the public sets with questions, on small files and on the published ones."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from leitai.base.errors import LeitaiError
from leitai.data import CATALOGUE, DataSource, load_rows
from leitai.data.sets.plain_texts import PIECE, pieces

ROOT = Path(
    os.environ.get("LEITAI_DATA_ROOT") or Path(__file__).parents[2] / ".." / "shared" / "data"
).resolve()


def load(root, **fields):
    return load_rows(DataSource(**fields), base_folder=Path("/nowhere"), data_root=root)


def test_squads_format(tmp_path):
    asking = {"id": "q1", "question": " 谁？", "answers": [{"text": "我"}, {"text": "我"}]}
    data = {"data": [{"paragraphs": [{"context": "我在。", "qas": [asking]}]}]}
    folder = tmp_path / "cmrc2018"
    folder.mkdir()
    (folder / "dev.json").write_text(json.dumps(data), "utf-8")
    (row,) = load(tmp_path, set="cmrc2018", template=1)
    assert row.messages[0]["content"].startswith("我在。\n\n根据上文回答：谁？")
    assert row.facts == {"answers": ["我"], "scoring": "cmrc2018"}
    assert row.group == "0-0"
    with pytest.raises(LeitaiError, match="use a template from 0 to 2"):
        load(tmp_path, set="cmrc2018", template=3)
    (folder / "dev.json").write_text('{"data": [{"paragraphs": 1}]}')
    with pytest.raises(LeitaiError, match="not in SQuAD's format"):
        load(tmp_path, set="cmrc2018")


def test_published_folders_of_examinations(tmp_path):
    for name, part, file, text in (
        ("mmlu", "dev", "abstract_algebra_dev.csv", '"1, or 2?",1,2,3,4,B\n'),
        ("mmlu", "test", "abstract_algebra_test.csv", "3?,1,2,3,4,C\n"),
        ("cmmlu", "dev", "agronomy.csv", ",Question,A,B,C,D,Answer\n0,问？,甲,乙,丙,丁,D\n"),
        ("cmmlu", "test", "agronomy.csv", ",Question,A,B,C,D,Answer\n0,答？,甲,乙,丙,丁,A\n"),
        (
            "ceval",
            "dev",
            "accountant_dev.csv",
            "id,question,A,B,C,D,answer,explanation\n0,问,甲,乙,丙,丁,A,因为\n",
        ),
        ("ceval", "val", "accountant_val.csv", "id,question,A,B,C,D,answer\n0,问,甲,乙,丙,丁,B\n"),
    ):
        path = tmp_path / name / part / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    example, item = load(tmp_path, set="mmlu", view="questions")
    assert (example.split, item.split) == ("validation", "test")
    assert example.messages[0]["content"].endswith("1, or 2?\nA. 1\nB. 2\nC. 3\nD. 4")
    assert example.facts["right"] == 1
    assert item.facts["subject"] == "abstract_algebra"
    assert [r.messages[1]["content"] for r in load(tmp_path, set="cmmlu", view="questions")] == [
        "D",
        "A",
    ]
    assert [r.split for r in load(tmp_path, set="ceval")] == ["validation", "test"]


def test_documents_are_cut_by_characters():
    text = "字" * (2 * PIECE + 5)
    assert [len(piece) for piece in pieces(text)] == [PIECE, PIECE, 5]
    assert list(pieces(" \n")) == []


COUNTS = {
    ("cmrc2018", "dev"): 2166,
    ("cmrc2018", "trial"): 1002,
    ("drcd", "dev"): 3524,
    ("xquad", "questions"): 1224,
    ("nq_open", "questions"): 3610,
    ("qald10", "queries"): 387,
    ("lcquad", "queries"): 4000,
    ("kdconv", "triples"): 1969,
    ("wmt_zh_en", "wmt23"): 4050,
    ("ntrex", "en-zh"): 1335,
    ("tatoeba", "zh-en"): 1000,
    ("fewclue", "eprstmt"): 320,
    ("fewclue", "tnews"): 2283,
    ("fewclue", "csldcp"): 2572,
    ("fewclue", "iflytek"): 928,
    ("fewclue", "ocnli"): 320,
    ("fewclue", "bustm"): 320,
    ("fewclue", "csl"): 320,
    ("fewclue", "cluewsc"): 319,
    ("fewclue", "chid"): 404,
    ("mmlu", "examples"): 285,
    ("cmmlu", "examples"): 335,
    ("agieval", "choices"): 1303,
    ("agieval", "problems"): 546,
    ("gsm8k", "problems"): 7473,
    ("cmath", "problems"): 600,
    ("ape210k", "problems"): 5000,
    ("lm_text_zh", "wikipedia"): 822,
    ("lm_text_en", "wikitext2"): 593,
    ("chinese_poetry", "texts"): 9974,
}
LABELS = {"eprstmt": 2, "tnews": 15, "csldcp": 67, "ocnli": 3, "bustm": 2, "csl": 2, "cluewsc": 2}


@pytest.mark.data
@pytest.mark.parametrize(("name", "view"), COUNTS, ids=["-".join(both) for both in COUNTS])
def test_the_published_files(name, view):
    if not (ROOT / name).is_dir():
        pytest.skip(f"{name} is not below {ROOT}: set LEITAI_DATA_ROOT")
    rows = load(ROOT, set=name, view=view)
    assert len(rows) == COUNTS[name, view]
    assert {row.language for row in rows} <= {"zh", "en"}
    other = load(ROOT, set=name, view=view, template=1)
    assert [row.id for row in other] == [row.id for row in rows]
    assert other[0].messages[-1] == rows[0].messages[-1]
    if len(rows[0].messages) > 1:
        assert other[0].messages[0] != rows[0].messages[0]
    if view in LABELS:
        assert len({row.label for row in rows}) == LABELS[view]
        assert Counter(row.split for row in rows)["test"] > 100


@pytest.mark.data
def test_every_final_value_of_gsm8k_is_read_from_its_solution():
    from leitai.evaluation.metrics.numbers import find_value, parse_value

    if not (ROOT / "gsm8k").is_dir():
        pytest.skip(f"gsm8k is not below {ROOT}: set LEITAI_DATA_ROOT")
    for row in load(ROOT, set="gsm8k")[::7]:
        wanted = parse_value(row.facts["answers"][0])
        assert wanted is not None
        assert find_value(row.messages[-1]["content"]) == wanted


def test_every_set_with_views_has_a_default_and_a_licence():
    for entry in CATALOGUE.values():
        assert entry.licence
        assert entry.views or entry.tables
