import sys

import pytest

from leitai.cli import main


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A checkpoint folder with random weights."""
    from leitai.training.scratch import create_scratch

    folder = tmp_path_factory.mktemp("models") / "nano"
    create_scratch("qwen3-nano", ["hello there 你好"] * 3, folder, vocab_size=400, seed=0)
    return folder


@pytest.fixture
def leitai(capsys, monkeypatch):
    """Run the command line in this process: (exit code, standard output, standard error)."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["leitai", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run
