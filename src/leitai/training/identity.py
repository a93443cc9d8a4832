"""What a run is made of, so that a checkpoint of another run is never taken for its own."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from leitai.base import LeitaiError
from leitai.training.batches import Example
from leitai.training.spec import AdaptSpec


def rows_hash(rows: Sequence[Example]) -> str:
    """Return the SHA-256 of what the model is shown, in order."""
    digest = hashlib.sha256()
    for row in rows:
        for array in row.content:
            digest.update(len(array).to_bytes(8, "little"))
            digest.update(array.tobytes())
    return digest.hexdigest()


def run_identity(
    spec: AdaptSpec,
    seed: int,
    base_hash: str,
    train: Sequence[Example],
    valid: Sequence[Example],
    dtype: str,
) -> dict[str, Any]:
    """Collect everything that the final weights depend on, the machine left out."""
    return {
        # recomputed activations have the same bits, so a run may resume either way
        "adapt": spec.model_dump(mode="json", exclude={"activation_checkpointing"}),
        "seed": seed,
        "base weights": base_hash,
        "training rows": rows_hash(train),
        "validation rows": rows_hash(valid),
        "dtype": dtype,
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def check_identity(found: Mapping[str, Any], wanted: Mapping[str, Any], run_folder: Path) -> None:
    """Refuse to go on with another run's state.

    Raises:
        LeitaiError: the two differ; says in what.
    """
    old, new = dict(_flat(found)), dict(_flat(wanted))
    changed = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    if changed:
        shown = [
            f"the {name} differ"
            if " " in name
            else f"{name} was {old.get(name)}, is now {new.get(name)}"
            for name in changed
        ]
        raise LeitaiError(
            f"this folder holds a run of another kind: {', '.join(shown)}",
            where=run_folder,
            remedy="undo the change, choose another --out folder, or start without --resume",
        )
