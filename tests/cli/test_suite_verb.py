"""leitai compare --suite: what it takes and what it refuses."""

import json

import pytest


def test_one_claim(leitai, tmp_path):
    run = tmp_path / "run"
    code, out, err = leitai("compare", "--suite", "article", "--only", "autoencoder", "--out", run)
    assert code == 0, err
    assert "refuted" in out
    table = json.loads((run / "claims.json").read_text("utf-8"))
    assert [claim["id"] for claim in table["claims"]] == ["autoencoder"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--suite article"),
        (["s.yaml", "--suite", "article"], "either"),
        (["--suite", "articles"], "no suite"),
        (["--suite", "article", "--set", "seed=1"], "--set"),
        (["s.yaml", "--only", "languages"], "--only"),
        (["--suite", "article", "--only", "nothing"], "no claim"),
    ],
)
def test_refusals(leitai, tmp_path, arguments, words):
    code, _, err = leitai("compare", *arguments, "--out", tmp_path / "run")
    assert code == 2
    assert words in err
    assert len(err.strip().splitlines()) == 1
