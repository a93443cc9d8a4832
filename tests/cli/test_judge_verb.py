"""`leitai judge`: a sheet for people, a model as the judge, and what users get wrong."""

import csv
import json

from leitai.data import read_jsonl
from leitai.evaluation.records import ItemRecord, write_records


def run_folder(tmp_path, keys="AB"):
    for key in keys:
        write_records(
            tmp_path / "run" / "scores" / "blurbs" / f"{key}.jsonl",
            [
                ItemRecord(
                    id=f"i{n}",
                    slices=("en",),
                    input="Say hello.",
                    expected="",
                    answer=f"hello from {key}",
                    correct=None,
                    parsed=True,
                    numerator=0.0,
                    denominator=1.0,
                    detail={},
                )
                for n in range(3)
            ],
        )
    return tmp_path / "run"


def test_a_sheet_is_written_filled_in_and_counted(leitai, tmp_path):
    run, sheet = run_folder(tmp_path), tmp_path / "sheet.csv"
    code, said, _ = leitai("judge", run, "--sheet", sheet)
    assert (code, said.split()[0]) == (0, "3")
    with sheet.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert "A" not in row["item"]
        row["better"] = "1" if row["answer_1"].endswith("B") else "2"
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    out = tmp_path / "preferences.jsonl"
    code, said, _ = leitai("judge", run, "--sheet", sheet, "--read", "--out", out)
    counts = "A better: 0, B better: 3, tie: 0\n"
    assert code == 0
    assert said.startswith(f"en: {counts}{counts}Bradley-Terry, log odds of A over B: -")
    assert [row["outcome"] for _, row in read_jsonl(out)] == ["B", "B", "B"]
    code, _, error = leitai("judge", run, "--sheet", sheet)
    assert code == 2
    assert "is there already" in error


def test_a_model_judges(leitai, model, tmp_path):
    code, said, _ = leitai("judge", run_folder(tmp_path), "--model", model)
    assert code == 0
    assert "tie: 3" in said
    assert "verdicts not readable" in said


def test_what_is_missing_is_named(leitai, tmp_path):
    run = run_folder(tmp_path)
    for words, message in (
        ((run,), "who judges"),
        ((run, "--task", "poems", "--sheet", "x.csv"), "--task blurbs"),
        ((tmp_path, "--sheet", "x.csv"), "name a finished run"),
    ):
        code, _, error = leitai("judge", *words)
        assert code == 2
        assert message in error


def test_three_are_judged_pair_by_pair(leitai, tmp_path):
    run, sheet = run_folder(tmp_path, "ABC"), tmp_path / "sheet.csv"
    contenders = {
        key: {"name": name} for key, name in zip("ABC", ("one", "two", "three"), strict=False)
    }
    (run / "verdict.json").write_text(json.dumps({"contenders": contenders}))
    code, said, _ = leitai("judge", run, "--sheet", sheet, "--seed", 3)
    assert (code, said.split()[0]) == (0, "9")
    rows = list(csv.DictReader(sheet.read_text("utf-8").splitlines()))
    for row in rows:
        row["better"] = "1" if row["answer_1"] > row["answer_2"] else "2"
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    code, said, _ = leitai("judge", run, "--sheet", sheet, "--read", "--seed", 3)
    assert code == 0
    assert "one better: 0, three better: 3, tie: 0" in said
    strengths = [line for line in said.splitlines() if "strength of" in line]
    assert [line.split(" of ")[1].split(":")[0] for line in strengths] == ["three", "two", "one"]
    assert said.count("log odds of") == 3
