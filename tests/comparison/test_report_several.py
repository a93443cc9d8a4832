"""Several runs on one page: matched by name, conflicts told, nothing lost or pooled."""

from duel_example import example

from leitai.comparison.report.several import render_several


def test_runs_stand_side_by_side_and_a_conflict_of_weights_is_told():
    data = example()
    card = data.contenders["A"]
    other = card.model_copy(update={"weights_sha256": "0" * 64})
    changed = data.model_copy(update={"contenders": {**data.contenders, "A": other}})
    same, conflict = render_several([data, data]), render_several([data, changed])
    rows = 2 * len(data.verdict["tasks"])
    for files in (same, conflict):
        assert files["report.html"].count("<tr>") == rows + 1
        assert sum(line.startswith("|") for line in files["report.md"].splitlines()) == rows + 2
    assert "other weights" not in same["report.md"]
    assert f"{card.name}: other weights" in conflict["report.html"]
