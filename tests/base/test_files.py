import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitai.base import LeitaiError, files
from leitai.base.locks import run_lock


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.json"
    files.write_json(target, {"v": 1})
    with pytest.raises(RuntimeError), files.atomic_file(target) as file:
        file.write(b"half")
        raise RuntimeError
    assert files.read_json(target) == {"v": 1}
    assert names(tmp_path) == ["a.json"]


def test_a_failed_folder_leaves_the_old_folder_and_nothing_else(tmp_path):
    target = tmp_path / "model"
    with files.atomic_folder(target) as new:
        (new / "x").write_text("1")
    with pytest.raises(RuntimeError), files.atomic_folder(target) as new:
        (new / "x").write_text("2")
        raise RuntimeError
    assert (target / "x").read_text() == "1"
    with files.atomic_folder(target) as new:
        (new / "y").write_text("3")
    assert names(target) == ["y"]
    assert names(tmp_path) == ["model"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_told_in_one_line(tmp_path):
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError) as caught:
        full.write(b"x")
    assert caught.value.errno == errno.ENOSPC  # the real error that the next line wraps
    with pytest.raises(LeitaiError, match="the disk is full"), files.atomic_file(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert names(tmp_path) == []


def test_a_file_where_a_folder_should_be_is_told(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(LeitaiError, match="cannot write"):
        files.write_text(tmp_path / "a" / "b", "x")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_the_hash_of_a_value_is_stable_and_discerns(value):
    assert files.hash_value({"a": value, "b": 1}) == files.hash_value({"b": 1, "a": value})
    assert files.hash_value(value) != files.hash_value([value])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b'{"a": ', "not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 5_000, "not valid JSON"),
    ],
)
def test_bad_json_is_told_with_the_line(tmp_path, content, message):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(LeitaiError, match=message) as caught:
        files.read_json(path)
    assert "\n" not in str(caught.value)
    assert "x.json" in str(caught.value)


def test_a_file_beyond_the_limit_is_not_read(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(b" " * 101)
    with pytest.raises(LeitaiError, match="limit of 100"):
        files.read_text(path, limit=100)


def test_the_hash_of_a_folder_sees_names_and_contents(tmp_path):
    (tmp_path / "a").write_text("1")
    first = files.hash_folder(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    second = files.hash_folder(tmp_path)
    (tmp_path / "b").write_text("2")
    assert len({first, second, files.hash_folder(tmp_path)}) == 3


def test_a_run_folder_serves_one_process_and_is_free_after_kill(tmp_path):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom leitai.base.locks import run_lock\n"
        f"with run_lock(Path({str(tmp_path)!r})):\n print('held', flush=True)\n time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(LeitaiError, match="in use by another process"), run_lock(tmp_path):
            pass
    finally:
        os.kill(holder.pid, 9)
        holder.wait()
    with run_lock(tmp_path):
        pass
