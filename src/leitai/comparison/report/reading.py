"""A report's data from the files of a finished run, and from nothing else."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from leitai.base.errors import LeitaiError
from leitai.base.files import read_json
from leitai.comparison.preferences import read_preferences
from leitai.comparison.report.data import (
    Contender,
    Cost,
    CurvePoint,
    LearningCurve,
    ReportData,
    Search,
    TaskItems,
)
from leitai.comparison.search import SEARCH_FILE
from leitai.evaluation.records import read_records

_SCHEMA = "leitai.verdict/2"
_NEEDED = ("verdict.json", "audit.json", "manifest.json", "cost.json")


def read_run(folder: Path) -> ReportData:
    """Read what a run left: verdict, scores, costs, audit, manifest and learning curves.

    Args:
        folder: the run folder of a finished `compare`.

    Raises:
        LeitaiError: the folder holds no finished run, one of an older form, or a damaged file.
    """
    for name in _NEEDED:
        if not (folder / name).exists():
            raise LeitaiError(
                f"there is no {name}: not a finished run of compare",
                where=folder,
                remedy="run leitai compare again with this folder as --out",
            )
    verdict, manifest = read_json(folder / "verdict.json"), read_json(folder / "manifest.json")
    if verdict.get("schema") != _SCHEMA or "contenders" not in manifest:
        raise LeitaiError(
            "the run was made by an older version",
            where=folder,
            remedy="run leitai compare again; what was scored already is kept",
        )
    keys, costs = list(verdict["contenders"]), read_json(folder / "cost.json")
    # JSON written with sorted keys has the order of keys, which is the contenders'.
    cards = {key: Contender.model_validate(manifest["contenders"][key]) for key in keys}
    if absent := [key for key in keys if key not in costs]:
        raise LeitaiError(
            f"contender {absent[0]} is missing",
            where=folder / "cost.json",
            remedy="run leitai compare again with this folder as --out",
        )
    spec = manifest["spec"]["spec"]
    trained = {key: cards[key].method is not None for key in keys}
    try:
        return ReportData(
            verdict=verdict,
            contenders=cards,
            curves={
                key: _curve(folder / "contenders" / key / "run")
                if trained[key]
                else LearningCurve()
                for key in keys
            },
            costs={key: _cost(costs[key]) for key in keys},
            search={
                key: Search.model_validate(read_json(folder / "contenders" / key / SEARCH_FILE))
                for key in keys
                if spec.get("search") and trained[key]
            },
            tasks=tuple(_items(folder, task["task"], keys) for task in verdict["tasks"]),
            audit=tuple(read_json(folder / "audit.json")),
            preferences=tuple(read_preferences(folder)),
            manifest={key: value for key, value in manifest.items() if key != "contenders"},
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise LeitaiError(
            f"a file of the run is damaged: {'.'.join(map(str, first['loc']))}, {first['msg']}",
            where=folder,
            remedy="run leitai compare again with this folder as --out",
        ) from error


def _items(folder: Path, task: str, keys: list[str]) -> TaskItems:
    files = {key: folder / "scores" / task / f"{key}.jsonl" for key in keys}
    return TaskItems.from_records(task, {key: read_records(path) for key, path in files.items()})


def _cost(found: dict[str, Any]) -> Cost:
    """Take what the report shows; the money stands under "spent"."""
    spent = found.get("spent") or {}
    about = {name: value for name, value in found.items() if name in Cost.model_fields}
    about |= {
        "money": spent.get("cost"),
        "currency": spent.get("currency"),
        "tokens": spent.get("tokens"),
        "requests": spent.get("requests"),
    }
    return Cost.model_validate(about)


def _curve(run: Path) -> LearningCurve:
    """Read metrics.jsonl; validation lines stand on their own or in the line of their step."""
    path = run / "metrics.jsonl"
    if not path.exists():
        return LearningCurve()
    points = [
        CurvePoint(
            step=line["step"], train_loss=line.get("loss"), valid_loss=line.get("valid_loss")
        )
        for line in map(json.loads, path.read_text("utf-8").splitlines())
        if "loss" in line or "valid_loss" in line
    ]
    best = read_json(run / "result.json")["result"]["best_step"]
    return LearningCurve(points=tuple(points), best_step=best)
