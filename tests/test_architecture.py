"""The house keeps its floors: a room imports only from rooms below it, and the door opens fast."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "leitai"
FLOORS = (
    "base",
    "kernels",
    "forest",
    "models",
    "text",
    "data",
    "adapters",
    "training",
    "export",
    "inference",
    "planning",
    "evaluation",
    "comparison",
    "cli",
)
WITH_TORCH = (
    "kernels",
    "forest",
    "models",
    "adapters",
    "training",
    "export",
    "inference",
    "planning",
)


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("leitai."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("leitai.")}
    return found


def test_every_folder_is_a_known_room():
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name[0] != "_"}
    assert rooms == set(FLOORS)


@pytest.mark.parametrize("room", FLOORS)
def test_a_room_imports_only_from_below(room):
    above = set(FLOORS[FLOORS.index(room) + 1 :])
    wrong = {
        f"{path.relative_to(SOURCE)} -> {name}"
        for path in (SOURCE / room).rglob("*.py")
        for name in imports_of(path) & above
    }
    assert not wrong


def test_only_some_rooms_import_torch_when_they_are_imported():
    found = {
        path.relative_to(SOURCE).parts[0]
        for path in SOURCE.rglob("*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "torch")
        or (
            isinstance(node, ast.Import)
            and any(a.name.split(".")[0] == "torch" for a in node.names)
        )
    }
    assert found == set(WITH_TORCH)
    named = ", ".join(f"`{room}`" for room in WITH_TORCH)
    for page in ("docs/architecture.md", "CONTRIBUTING.md"):
        assert named in (SOURCE.parents[1] / page).read_text("utf-8")


@pytest.mark.parametrize("command", [["-c", "import leitai"], ["-m", "leitai", "--help"]])
def test_the_door_does_not_load_torch(command):
    code = (
        "import sys, runpy, atexit\n"
        "atexit.register(lambda: sys.stderr.write('TORCH' if 'torch' in sys.modules else 'free'))\n"
        f"sys.argv = {['leitai', *command[2:]]!r}\n"
        + {"-c": "import leitai", "-m": "runpy.run_module('leitai', run_name='__main__')"}[
            command[0]
        ]
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.endswith("free")


def test_help_lists_every_verb():
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "leitai", "--help"], capture_output=True, text=True, check=True
    )
    assert time.perf_counter() - start < 20  # a hang, not a benchmark
    for verb in (
        "compare",
        "train",
        "plan",
        "resources",
        "tokenizers",
        "lm-eval",
        "score",
        "generate",
        "chat",
        "export",
        "preview",
        "judge",
        "doctor",
        "data",
    ):
        assert verb in done.stdout
