"""Stages cached by content: a step whose inputs have not changed is not run again.

A stage turns a JSON-able description of its inputs (hashes included) into files. Its note,
``stages/<name>.json``, is written last, so a stage counts as done only when it is whole.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from leitai.base.files import hash_file, hash_folder, hash_value, read_json, write_json

FORMAT = 1
"""Raised when a change of the code makes earlier results of any stage invalid."""


class Stages:
    """The stages of one run folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reused: list[str] = []

    def run(
        self,
        name: str,
        inputs: Mapping[str, Any],
        outputs: list[Path],
        work: Callable[[], object],
        *,
        scratch: list[Path] | None = None,
    ) -> str:
        """Run `work` unless the same inputs made the same outputs before.

        Args:
            name: the stage, unique in the run; a slash makes folders.
            inputs: all that the outputs depend on.
            outputs: files or folders that `work` writes, below the run folder.
            work: writes the outputs.
            scratch: where `work` keeps state to resume from; cleared with the outputs when the
                inputs have changed, kept when the same work was interrupted.

        Returns:
            A hash of the outputs, to go into the inputs of later stages.
        """
        note = self.folder / "stages" / f"{name}.json"
        begun = note.with_suffix(".begun.json")
        key = hash_value({"format": FORMAT, "inputs": dict(inputs)})
        if note.exists() and all(path.exists() for path in outputs):
            saved = read_json(note)
            if saved.get("key") == key and saved.get("outputs") == self._hashes(outputs):
                self.reused.append(name)
                return hash_value(saved["outputs"])
        note.unlink(missing_ok=True)
        if not (begun.exists() and read_json(begun).get("key") == key):
            for path in [*outputs, *(scratch or [])]:
                _remove(path)
            write_json(begun, {"key": key})
        work()
        hashes = self._hashes(outputs)
        write_json(note, {"key": key, "inputs": dict(inputs), "outputs": hashes})
        begun.unlink(missing_ok=True)
        return hash_value(hashes)

    def _hashes(self, outputs: list[Path]) -> dict[str, str]:
        return {
            path.relative_to(self.folder).as_posix(): hash_folder(path)
            if path.is_dir()
            else hash_file(path)
            for path in outputs
        }


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
