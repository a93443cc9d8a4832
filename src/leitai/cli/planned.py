"""The comparison of a run with its forecast."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leitai.base.files import read_text
from leitai.base.ranks import world_size
from leitai.base.yamltext import parse_yaml
from leitai.cli import show

if TYPE_CHECKING:
    from leitai.training import TrainResult

_WAIT_SECONDS = 1.5
"""How long a finished run may be kept for the comparison with its plan."""


def device_of(part: object) -> str:
    """Return which kind of device the part of a spec with the key `device` names."""
    named = part.get("device", "cpu") if isinstance(part, dict) else "cpu"
    return str(named).partition(":")[0]


def compare_with_plan(
    spec: Path, result: "TrainResult", *, data_root: Path | None, overrides: Sequence[str]
) -> None:
    """Say how a run compares with what `leitai plan` says of it, if that is known quickly.

    A machine that was never measured is not measured for this: the run is over.
    """
    lines: list[str] = []

    def work() -> None:
        # whatever goes wrong here, the run itself is fine
        try:
            lines.append(_comparison(spec, result, data_root, overrides))
        except Exception:
            lines.append("")

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(_WAIT_SECONDS)
    if lines and lines[0]:
        show.line(lines[0])


def _comparison(
    spec: Path, result: "TrainResult", data_root: Path | None, overrides: Sequence[str]
) -> str:
    from dataclasses import asdict

    from leitai.planning import cached_machine, prediction_error
    from leitai.planning.specs import plan_train_spec

    about = parse_yaml(read_text(spec, limit=1 << 20), str(spec)).data
    machine = cached_machine(device_of(about), max_age=float("inf"))
    if machine is None:
        return "run `leitai plan` once: runs are then compared with what was planned"
    base = result.output.parent / "base"
    _, plan = plan_train_spec(
        spec,
        machine,
        data_root=data_root,
        overrides=overrides,
        base=base if base.is_dir() else None,
        ranks=world_size(),
    )
    return str(prediction_error(plan, asdict(result), steps=result.steps))
