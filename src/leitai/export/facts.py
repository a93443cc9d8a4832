"""What is known of a model: read from the files of its run, its duel and its base."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from leitai.base import LeitaiError
from leitai.base.files import read_json, read_text
from leitai.export.source import Source
from leitai.models import ModelConfig, parameter_count, read_config
from leitai.training.result import COST_FILE, RESULT_FILE

_SNAPSHOT = re.compile(r"models--(?P<owner>[^/]+?)--(?P<name>[^/]+)/snapshots/")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a model card can tell; what is not known is empty.

    Attributes:
        config: the architecture.
        parameters: how many numbers the weights are.
        base_name: a hub id, a folder's name or ``scratch:<preset>``.
        base_on_hub: whether `base_name` is a hub id.
        licence: as the base's own card states it.
        identity: method, seed and hashes, from result.json.
        result: steps, tokens, rows and losses, from result.json.
        cost: seconds and memory, from cost.json.
        data: what was trained on: sources by name, and the rows' hashes.
        languages: codes of the rows' languages.
        verdict: verdict.json of the duel that the run belongs to.
        side: "A" to "H" in that duel.
    """

    config: ModelConfig
    parameters: int
    base_name: str
    base_on_hub: bool
    licence: str | None = None
    identity: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    cost: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    verdict: Mapping[str, Any] = field(default_factory=dict)
    side: str = ""


def gather_facts(source: Source) -> Facts:
    """Read what the files say.

    Raises:
        LeitaiError: a file is damaged.
    """
    config = read_config(source.base)
    parameters = parameter_count(config)
    if source.run is None:
        name, on_hub = _base_name(None, source.base)
        return Facts(config, parameters, name, on_hub, _licence(source.base))
    run = source.run
    content, cost = _object(run / RESULT_FILE), _object(run / COST_FILE)
    duel, side = _duel_of(run)
    resolved = _object((duel or run) / "resolved.json")
    spec = _part(resolved, "spec")
    verdict = _object(duel / "verdict.json") if duel else {}
    stated = (_part(_part(verdict, "contenders"), side) if duel else spec).get("model")
    base = source.base if source.adapter is not None else None
    name, on_hub = _base_name(stated if isinstance(stated, str) else None, base)
    sources = spec.get("train_on" if duel else "data")
    data = dict(_part(resolved, "data"))
    data["sources"] = [_source_name(item) for item in sources or [] if isinstance(item, Mapping)]
    languages = data.get("languages") or []
    return Facts(
        config,
        parameters,
        name,
        on_hub,
        _licence(source.base),
        identity=_part(content, "identity"),
        result=_part(content, "result"),
        cost=cost,
        data=data,
        languages=tuple(str(code) for code in languages),
        verdict=verdict,
        side=side,
    )


def _object(path: Path) -> Mapping[str, Any]:
    """Read a JSON object; absent means empty."""
    if not path.is_file():
        return {}
    value = read_json(path)
    if not isinstance(value, dict):
        raise LeitaiError("expected a JSON object", where=path, remedy="run the training again")
    return value


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = value.get(name)
    return part if isinstance(part, Mapping) else {}


def _duel_of(run: Path) -> tuple[Path | None, str]:
    """Return the folder of the duel that a run belongs to, DUEL/contenders/SIDE/run."""
    side = run.resolve().parent
    if side.parent.name == "contenders" and (side.parent.parent / "resolved.json").is_file():
        return side.parent.parent, side.name
    return None, ""


def _base_name(stated: str | None, folder: Path | None) -> tuple[str, bool]:
    if folder is not None and (found := _SNAPSHOT.search(folder.resolve().as_posix() + "/")):
        return f"{found['owner']}/{found['name']}", True
    if stated is not None:
        on_hub = _HUB_ID.fullmatch(stated) is not None and not Path(stated).exists()
        local = not on_hub and not stated.startswith("scratch:")
        return (Path(stated).name if local else stated), on_hub
    return (folder.resolve().name, False) if folder is not None else ("", False)


def _licence(folder: Path) -> str | None:
    """Return the licence that the front matter of a folder's README.md states."""
    path = folder / "README.md"
    if not path.is_file():
        return None
    parts = read_text(path).split("---\n", 2)
    if len(parts) < 3 or parts[0].strip():
        return None
    try:
        matter = yaml.safe_load(parts[1])
    except yaml.YAMLError:
        return None
    if not isinstance(matter, dict):
        return None
    value = matter.get("license_name") if matter.get("license") == "other" else None
    value = value or matter.get("license")
    return value if isinstance(value, str) else None


def _source_name(source: Mapping[str, Any]) -> str:
    name, path = source.get("set"), source.get("path")
    if name:
        return f"{name} ({source['view']})" if source.get("view") else str(name)
    files = path.values() if isinstance(path, Mapping) else [path]
    return ", ".join(Path(str(file)).name for file in files)
