import pytest

from leitai.comparison.stages import Stages


def counted(path, calls, text="x"):
    def work():
        calls.append(1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return work


def test_the_same_inputs_are_computed_once(tmp_path):
    out, calls = tmp_path / "out.txt", []
    first = Stages(tmp_path).run("s", {"a": 1}, [out], counted(out, calls))
    again = Stages(tmp_path)
    assert again.run("s", {"a": 1}, [out], counted(out, calls)) == first
    assert (len(calls), again.reused) == (1, ["s"])


@pytest.mark.parametrize("change", ["inputs", "missing", "edited"])
def test_changed_inputs_or_touched_outputs_are_computed_again(tmp_path, change):
    out, calls = tmp_path / "out.txt", []
    Stages(tmp_path).run("s", {"a": 1}, [out], counted(out, calls))
    if change == "missing":
        out.unlink()
    if change == "edited":
        out.write_text("tampered")
    Stages(tmp_path).run("s", {"a": 2 if change == "inputs" else 1}, [out], counted(out, calls))
    assert len(calls) == 2
    assert out.read_text() == "x"


def test_interrupted_work_keeps_its_scratch_for_the_same_inputs_only(tmp_path):
    out, scratch = tmp_path / "out.txt", tmp_path / "scratch"

    def dies():
        scratch.mkdir(exist_ok=True)
        (scratch / "state").write_text("half")
        raise KeyboardInterrupt

    seen = []

    def looks():
        seen.append((scratch / "state").exists())
        out.write_text("whole")

    with pytest.raises(KeyboardInterrupt):
        Stages(tmp_path).run("s", {"a": 1}, [out], dies, scratch=[scratch])
    Stages(tmp_path).run("s", {"a": 1}, [out], looks, scratch=[scratch])
    with pytest.raises(KeyboardInterrupt):
        Stages(tmp_path).run("s", {"a": 2}, [out], dies, scratch=[scratch])
    Stages(tmp_path).run("s", {"a": 3}, [out], looks, scratch=[scratch])
    assert seen == [True, False]
