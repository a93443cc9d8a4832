"""What `leitai lm-eval` says where lm-evaluation-harness is not installed."""

import importlib.util


def test_it_says_what_to_install(leitai, model, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "lm_eval" else real(name, *rest),
    )
    code, said, err = leitai("lm-eval", model, "--tasks", "arc_easy")
    assert code == 2 and said == ""
    assert "pip install 'leitai[lm-eval]'" in err and err.count("\n") == 1
