"""`leitai judge`: a sheet for people, a model as the judge, and what users get wrong."""

import csv
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

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
    start = "Bradley-Terry, log odds of A over B, 95%: at most +0.88; never won; p = "
    assert said.startswith(f"judged: 3 of 3 comparisons\nen: {counts}{counts}{start}")
    kept = json.loads((run / "preferences" / "blurbs-sheet.csv.json").read_text("utf-8"))
    assert kept["slices"][0]["pairs"]["A-B"] == {"first": 0, "second": 3, "tie": 0}
    assert kept["gaps"]["A-B"]["value"] is None
    assert [row["outcome"] for _, row in read_jsonl(out)] == ["B", "B", "B"]
    code, _, error = leitai("judge", run, "--sheet", sheet)
    assert code == 2
    assert "is there already" in error


def test_a_model_judges(leitai, model, tmp_path):
    code, said, _ = leitai("judge", run_folder(tmp_path), "--model", model)
    assert code == 0
    assert "tie: 3" in said
    assert "verdicts not readable" in said
    assert "not known: ties alone" in said


class Judge(BaseHTTPRequestHandler):
    """Prefers the answer that comes from B, in whichever place it stands."""

    asked: ClassVar[list[str]] = []

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = body["messages"][-1]["content"]
        self.asked.append(text)
        said = "1" if text.index("from B") < text.index("from A") else "2"
        message = {"role": "assistant", "content": said}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": 1}
        answer = json.dumps({"choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


def test_a_server_judges_and_is_asked_once(leitai, tmp_path):
    run = run_folder(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Judge)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    spec = tmp_path / "judge.yaml"
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    spec.write_text(f"endpoint: {{url: '{url}', model: org/judge-1}}\n", "utf-8")
    try:
        told = [leitai("judge", run, "--judge", spec) for _ in range(2)]
    finally:
        server.shutdown()
        server.server_close()
    assert told[0][0] == 0, told[0][2]
    assert "A better: 0, B better: 3, tie: 0" in told[0][1]
    assert told[0][1] == told[1][1]
    assert len(Judge.asked) == 2  # the three items are alike: both orders once, and no second time
    assert (run / "preferences" / "blurbs-judge-1.json").exists()


def test_what_is_missing_is_named(leitai, tmp_path):
    run = run_folder(tmp_path)
    for words, message in (
        ((run,), "who judges"),
        ((run, "--sheet", "x.csv", "--model", "m"), "who judges"),
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
