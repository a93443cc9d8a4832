"""Checkpoints: folders of safetensors and JSON that are whole or not there.

    checkpoints/step-00000120/{state.json, weights.safetensors, optimizer.safetensors,
                               method.safetensors}
    checkpoints/best-00000100/{state.json, weights.safetensors}

Of several processes each writes the rows of the tensors that it holds, as
`weights-00001-of-00002.safetensors` and so on. Put one under the other they are the whole tensor,
so any number of processes can go on from it.

The random numbers of a step follow from the seed and the step, so no generator's state is stored.
"""

import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from leitai.base import LeitaiError
from leitai.base.files import atomic_folder, hash_file, read_json, write_json
from leitai.training.parts import Tensors, part_file, part_name, read_parts, save_part
from leitai.training.ranks import Ranks

FORMAT = 3
KEPT = 2  # the newest, and the one before in case the newest cannot be read
STATE = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """What was read back.

    Attributes:
        step: updates done.
        state: everything but tensors.
        tensors: by file name without ending: {"weights": {...}, "optimizer": {...},
            "method": {...}}.
    """

    step: int
    state: dict[str, Any]
    tensors: Mapping[str, Tensors]


@dataclass
class CheckpointStore:
    """The checkpoints of one run.

    Attributes:
        folder: where they lie.
        notes: what went wrong and was got over, for the user.
        ranks: the processes that write a checkpoint together.
    """

    folder: Path
    notes: list[str] = field(default_factory=list)
    ranks: Ranks = field(default_factory=Ranks)

    def tidy(self) -> None:
        """Remove what a kill in the middle of a write has left."""
        for path in self.folder.glob(".*"):
            shutil.rmtree(path, ignore_errors=True)

    def clear(self) -> None:
        """Remove all checkpoints."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def steps(self, kind: str = "step") -> list[int]:
        """List the steps that have a checkpoint, newest first."""
        names = [path.name.partition("-") for path in self.folder.glob(f"{kind}-*")]
        return sorted((int(n) for k, _, n in names if k == kind and n.isdecimal()), reverse=True)

    def _path(self, kind: str, step: int) -> Path:
        return self.folder / f"{kind}-{step:08d}"

    def _write(self, kind: str, step: int, state: Any, tensors: Mapping[str, Tensors]) -> None:
        if self.ranks.count > 1:
            self._write_together(kind, step, state, tensors)
            return
        with atomic_folder(self._path(kind, step)) as folder:
            hashes = {
                f"{name}.safetensors": save_part(folder / f"{name}.safetensors", part)
                for name, part in tensors.items()
            }
            _finish(folder, step, state, hashes)

    def _write_together(
        self, kind: str, step: int, state: Any, tensors: Mapping[str, Tensors]
    ) -> None:
        ranks = self.ranks
        shared = atomic_folder(self._path(kind, step)) if ranks.first else nullcontext()
        with shared as made:
            folder = Path(ranks.texts(str(made) if made is not None else ""))
            hashes = {}
            for name, part in tensors.items():
                found = {key: ranks.own(value) for key, value in part.items()}
                own = {key: value for key, value in found.items() if value is not None}
                file = part_file(name, ranks.index, ranks.count)
                hashes[file] = save_part(folder / file, own)
            lines = ranks.texts("\n".join(f"{file} {digest}" for file, digest in hashes.items()))
            if ranks.first:
                _finish(folder, step, state, dict(line.split() for line in lines.splitlines()))
        ranks.wait()  # nobody goes on before it is in place

    def save(
        self,
        step: int,
        state: Mapping[str, Any],
        weights: Tensors,
        moments: Tensors,
        method: Tensors,
        average: Tensors | None = None,
    ) -> None:
        """Write a checkpoint to resume from and remove those no longer needed.

        Args:
            step: updates done.
            state: JSON-able; `state["best_step"]` names the best weights that belong to it.
            weights: the trained weights.
            moments: the optimiser's tensors.
            method: what the method's hooks remember.
            average: of the weights, where one is kept.

        Raises:
            LeitaiError: the disk is full; the earlier checkpoints are still there.
        """
        tensors = {"weights": weights, "optimizer": moments, "method": method}
        self._write("step", step, state, tensors | ({"average": average} if average else {}))
        if not self.ranks.first:
            return
        for old in self.steps()[KEPT:]:
            shutil.rmtree(self._path("step", old), ignore_errors=True)
        self._prune_best(state["best_step"])

    def _prune_best(self, current: int | None) -> None:
        needed = {current, *map(self._best_of, self.steps())}
        for old in self.steps("best"):
            if old not in needed:
                shutil.rmtree(self._path("best", old), ignore_errors=True)

    def _best_of(self, step: int) -> int | None:
        try:
            best: int | None = read_json(self._path("step", step) / STATE)["state"]["best_step"]
        except (LeitaiError, KeyError, TypeError):
            return None  # damaged; it needs no best weights any more
        return best

    def save_best(self, step: int, weights: Tensors) -> None:
        """Keep the weights that validate best so far.

        Raises:
            LeitaiError: the disk is full.
        """
        self._write("best", step, {}, {"weights": weights})
        if self.ranks.first:
            self._prune_best(step)

    def load_best(self, step: int) -> Tensors:
        """Return the weights that `save_best` kept.

        Raises:
            LeitaiError: they are damaged or gone.
        """
        return self._read("best", step).tensors["weights"]

    def _read(self, kind: str, step: int, *, check: bool = True) -> Checkpoint:
        folder = self._path(kind, step)
        content = read_json(folder / STATE)
        try:
            if content["format"] != FORMAT or content["step"] != step:
                raise LeitaiError("written by another version of Leitai", where=folder / STATE)
            parts: dict[str, list[Path]] = {}
            for name, expected in sorted(content["files"].items()):
                path = folder / name
                if Path(name).name != name or not path.is_file():
                    raise LeitaiError("no such file", where=path)
                if check and hash_file(path) != expected:
                    raise LeitaiError("its contents have changed since it was written", where=path)
                parts.setdefault(part_name(name), []).append(path)
            read = {name: read_parts(paths, self.ranks.count) for name, paths in parts.items()}
            return Checkpoint(step, content["state"], read)
        except (KeyError, TypeError, AttributeError, SafetensorError, OSError) as error:
            raise LeitaiError(f"damaged ({error})", where=folder) from error

    def load_newest(self) -> Checkpoint | None:
        """Return the newest checkpoint that is whole, best weights included, or None.

        A damaged one is passed over, removed and named in `notes`. Of several processes the first
        checks and chooses.
        """
        found = self._newest_whole() if self.ranks.first else None
        step = self.ranks.given(-1 if found is None else found.step)
        if step < 0 or found is not None:
            return found
        return self._read("step", step, check=False)

    def _newest_whole(self) -> Checkpoint | None:
        for step in self.steps():
            try:
                checkpoint = self._read("step", step)
                if (best := checkpoint.state["best_step"]) is not None:
                    self._read("best", best)
                return checkpoint
            except (LeitaiError, KeyError, TypeError) as error:
                before = [other for other in self.steps() if other < step]
                instead = f"step {before[0]}" if before else "the start"
                self.notes.append(f"{error}; resumed from {instead} instead")
                shutil.rmtree(self._path("step", step), ignore_errors=True)
        return None


def _finish(folder: Path, step: int, state: Any, hashes: Mapping[str, str]) -> None:
    content = {"format": FORMAT, "step": step, "files": hashes, "state": state}
    write_json(folder / STATE, content)
