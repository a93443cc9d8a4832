"""Duels of several contenders end to end, without a model: reference rows, early stops, arms."""

import json
import math

import pytest
from scripted import Scripted, script, write_spec

from leitai.base import LeitaiError
from leitai.comparison.choice import choice_of
from leitai.comparison.duel import compare
from leitai.comparison.pairing import ItemScore, TaskScores
from leitai.comparison.statistics.sequential import EARLY_SHARE
from leitai.comparison.verdict import decide

SAFE = "verdict: {stopping: safe, look_from: 30, look_every: 20}"


@pytest.fixture
def opened(monkeypatch):
    return script(monkeypatch)


def test_three_contenders_and_a_reference_row(tmp_path, opened):
    path = write_spec(tmp_path, [90, 60, 58], references=["majority"])
    duel = compare(path, tmp_path / "run")
    overall = duel.verdict["overall"]
    assert (overall["verdict"], overall["winner"]) == ("best", "A")
    assert overall["ranking"][0] == "A" and "D" not in overall["ranking"]
    assert duel.verdict["contenders"]["D"]["kind"] == "reference"
    part = duel.verdict["tasks"][0]["slices"][0]
    assert set(part["scores"]) == set("ABCD")
    assert part["pairs"]["A-D"]["p_holm"] is None
    assert {"all", "en", "zh"} == {p["slice"] for p in duel.verdict["tasks"][0]["slices"]}
    for key in "ABCD":
        assert (duel.folder / f"scores/sums/{key}.jsonl").exists()
    page = (duel.folder / "report.html").read_text("utf-8")
    assert "R90 is the best of 3" in page and "R90 is the best" in page
    cost = json.loads((duel.folder / "cost.json").read_text("utf-8"))
    assert set(cost) == {*"ABCD", "fronts"}
    audit = json.loads((duel.folder / "audit.json").read_text("utf-8"))
    assert {len(finding["values"]) for finding in audit} == {4}
    assert [f["status"] for f in audit if f["check"] == "unseen"] == ["note"]
    assert "bos" not in {f["check"] for f in audit}  # nobody's tokens can be seen


def test_asking_stops_once_the_verdict_is_safe_and_a_stopped_run_goes_on(tmp_path, opened):
    path = write_spec(tmp_path, [90, 65, 35], SAFE)
    duel = compare(path, tmp_path / "whole")
    task = duel.verdict["tasks"][0]
    seen = task["sequential"]
    assert seen["stopped"] and seen["asked"] == task["slices"][0]["n"] < seen["planned"] == 341
    assert seen["pairs"]["A-B"]["decision"] == "a_better"
    row = task["slices"][0]["pairs"]["A-B"]
    assert (row["verdict"], row["test"]) == ("a_better", "betting")
    assert "would turn up at some time in" in duel.verdict["overall"]["certainty"]["en"]
    assert row["p_holm"] <= 0.05 and row["difference"]["low"] > 0
    assert [step[0] for step in seen["pairs"]["A-B"]["path"]][:2] == [30, 50]

    # Killed in the middle: the run goes on, asks nothing twice, and ends the same.
    class KilledError(Exception):
        pass

    whole, calls = Scripted.write, []

    def write(self, rows, limit):
        calls.append(len(rows))
        if len(calls) == 6:
            raise KilledError
        return whole(self, rows, limit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scripted, "write", write)
        with pytest.raises(KilledError):
            compare(path, tmp_path / "killed")
    before = len(opened)
    again = compare(path, tmp_path / "killed")
    asked = [len(one.asked) for one in opened[before:]]
    assert sum(asked) < 3 * seen["asked"]
    assert (again.folder / "verdict.json").read_bytes() == (
        duel.folder / "verdict.json"
    ).read_bytes()
    assert "score-sums" in compare(path, tmp_path / "killed").reused


def test_what_is_never_safe_is_asked_in_full_with_the_rest_of_alpha(tmp_path, opened):
    path = write_spec(tmp_path, [70, 68], SAFE, items=200)
    task = compare(path, tmp_path / "run").verdict["tasks"][0]
    seen, row = task["sequential"], task["slices"][0]["pairs"]["A-B"]
    assert not seen["stopped"] and seen["asked"] == seen["planned"]
    assert (row["test"], row["verdict"]) == ("mcnemar_exact", "undecided")
    assert task["alpha"] == pytest.approx(0.05 * (1 - EARLY_SHARE))
    assert row["p_holm"] == pytest.approx(min(1.0, row["p"] / (1 - EARLY_SHARE)), rel=1e-5)


@pytest.mark.parametrize("rates", [[70, 68], [90, 50]])
def test_a_verdict_about_these_items_is_settled_by_them(tmp_path, opened, rates):
    more = SAFE.replace("stopping: safe", "stopping: safe, about: these")
    path = write_spec(tmp_path, rates, more, items=200)
    verdict = compare(path, tmp_path / "run").verdict
    task = verdict["tasks"][0]
    seen, row = task["sequential"], task["slices"][0]["pairs"]["A-B"]
    assert (seen["about"], row["test"], task["alpha"]) == ("these", "betting", 0.05)
    value = row["difference"]["value"]
    if seen["stopped"]:
        assert row["verdict"] == "a_better"
    else:
        # all were asked, so the difference is what it is
        assert row["difference"]["low"] == pytest.approx(value, abs=1e-5)
        better = "a_better" if value > 0 else "b_better"
        assert row["verdict"] == ("equivalent" if abs(value) < row["margin"] else better)
    assert row["p_holm"] == pytest.approx(row["p"])
    assert f"these {seen['planned']} items" in verdict["overall"]["certainty"]["en"]
    assert f"这 {seen['planned']} 道题" in verdict["overall"]["certainty"]["zh"]
    assert "these very items" in verdict["note"]["en"]
    if rates == [90, 50]:
        assert seen["stopped"]


def test_about_these_wants_looks(tmp_path, opened):
    path = write_spec(tmp_path, [70, 68], "verdict: {about: these}", items=40)
    with pytest.raises(LeitaiError, match="wants `stopping: safe`"):
        compare(path, tmp_path / "run")


def test_arms_show_what_hangs_on_the_way_of_asking(tmp_path, opened):
    arms = 'arms: [{name: plain}, {name: helped, system: "25"}]'
    path = write_spec(tmp_path, [60, 50], arms, references=["majority"])
    verdict = compare(path, tmp_path / "run").verdict
    assert [arm["arm"] for arm in verdict["arms"]] == ["plain", "helped"]
    plain, helped = verdict["arms"]
    deciding = verdict["tasks"][0]["slices"][0]
    assert plain["scores"]["A"]["value"] == deciding["scores"]["A"]["value"]
    assert helped["scores"]["A"]["value"] == pytest.approx(0.85, abs=0.06)
    assert helped["scores"]["C"]["value"] == plain["scores"]["C"]["value"]
    assert set(helped["pairs"]["A-B"]["difference"]) == {"value", "low", "high"}
    assert (tmp_path / "run/scores/sums/arms/helped/A.jsonl").exists()
    found = verdict["components"]
    assert (found["seeds"], found["templates"]) == (1, 2)
    assert found["pairs"]["A-B"]["variances"].keys() == {"item", "template", "item x template"}


@pytest.mark.parametrize(
    ("rates", "prices", "winner", "words"),
    [
        ([80, 80], [1, 3], "A", "cheaper: the price of an answer of R80b is 3 times"),
        ([80, 80], [2, 2], None, "none of them is cheaper"),
        ([80, 80], [2.01, 2], None, "none of them is cheaper"),
        ([95, 50], [5, 1], "A", "dearer: its price of an answer is 5 times that of R50"),
        ([95, 50], [1, 1], "A", "better and not dearer"),
        ([80, 79], [1, 1], None, None),
    ],
)
def test_the_cheaper_of_two_equivalents_is_chosen(rates, prices, winner, words):
    scores = {
        key: [ItemScore(f"{i}", (), float(i % 100 < rate), 1.0) for i in range(400)]
        for key, rate in zip("AB", rates, strict=True)
    }
    task = TaskScores("t", "accuracy", True, 0.03 if words else 0.0, scores)
    verdict = decide("d", {"A": {"name": f"R{rates[0]}"}, "B": {"name": f"R{rates[1]}b"}}, [task])
    names = {"A": "R80", "B": f"R{rates[1]}" + ("b" if rates[0] == rates[1] else "")}
    costs = {"price": dict(zip("AB", map(float, prices), strict=True))}
    choice = choice_of(verdict["tasks"][0], verdict["overall"], names, costs, task)
    if words is None:
        assert choice is None
    else:
        assert (choice["winner"], choice["by"]) == (winner, "price")
        assert words in choice["why"]["en"]
    if rates == [95, 50] and prices == [5, 1]:
        # 95 rights at 5 each against 50 at 1: 1.9 times the accuracy for 5 times the price.
        bought = choice["per_cost"]
        assert (bought["of"], bought["over"]) == ("A", "B")
        assert bought["value"] == pytest.approx(0.38)
        # Right on the same items, so that what varies is how many of B's are right.
        spread = 2 * 0.38 * math.sqrt((1 / 0.5 - 1 / 0.95) / 400)
        assert bought["low"] == pytest.approx(0.38 - spread, abs=0.01)
        assert bought["high"] == pytest.approx(0.38 + spread, abs=0.01)
        assert "For the same price of an answer it gives 0.38 times as much" in choice["why"]["en"]
    elif choice is not None:
        assert choice["per_cost"] is None


def test_who_knows_items_by_heart_is_told(tmp_path, opened, monkeypatch):
    """The first contender goes on word for word where the first half is in order, others never."""
    from leitai.comparison import probing
    from leitai.evaluation.asking import reference_of
    from leitai.evaluation.respondents import Written

    rows = {}
    halves = probing._row

    def remember(row, first, second):
        made = halves(row, first, second)
        rows.setdefault(row.id, made.messages)  # the first half in order is made first
        return made

    def write(self, asked, limit):
        knows = self.model == "r-70"
        return [
            Written(reference_of(row) if knows and rows.get(row.id) == row.messages else "no idea")
            for row in asked
        ]

    monkeypatch.setattr(probing, "_row", remember)
    monkeypatch.setattr(Scripted, "write", write)
    long = "text,label\n" + "\n".join(
        f"{i} sheep met {i + 1} goats on the long road to market and none of them wanted to be "
        f"there at dawn,{'yes' if i % 2 else 'no'}"
        for i in range(100)
    )
    path = write_spec(tmp_path, [70, 60], "probe: 20", references=["majority"])
    (tmp_path / "rows.csv").write_text(long + "\n", "utf-8")
    duel = compare(path, tmp_path / "run")
    audit = json.loads((duel.folder / "audit.json").read_text("utf-8"))
    (found,) = [finding for finding in audit if finding["check"] == "probe:sums"]
    assert found["status"] == "warning"
    assert found["values"] == ["20 / 20 (0)", "0 / 20 (0)", "—"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("contenders.0.model=scratch:qwen3-nano", "exactly one"),
        ("contenders.0.name=R50", "two contenders are called 'R50'"),
        ("arms=[{name: a}, {name: a}]", "two arms are called 'a'"),
        ("seeds=[2]", "needs `adapt`"),
        ("contenders=[{reference: random}, {reference: majority}]", "at least two other"),
        ("contenders.0.adapter=x", "goes with a `model`"),
    ],
)
def test_mistakes_are_told(tmp_path, override, message):
    path = write_spec(tmp_path, [60, 50])
    with pytest.raises(LeitaiError, match=message):
        compare(path, tmp_path / "run", overrides=[override])
