"""What contenders are and what they cost, for the files of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from leitai.base.files import read_json
from leitai.comparison.audit import LocalView, Material, Side
from leitai.comparison.choice import front_of
from leitai.comparison.contender import Contender
from leitai.comparison.costs import spent_by
from leitai.comparison.report import Contender as ContenderCard
from leitai.comparison.report import Cost
from leitai.comparison.scoring import score_cost
from leitai.data import Row
from leitai.evaluation.asking import readable


def cards(
    contenders: Sequence[Contender], sides: Sequence[Side], material: Material
) -> dict[str, dict[str, Any]]:
    """Return what each contender is, for the manifest."""
    return {
        contender.key: _card(contender, side, material).model_dump(mode="json")
        for contender, side in zip(contenders, sides, strict=True)
    }


def cost_json(
    contenders: Sequence[Contender],
    sides: Sequence[Side],
    material: Material,
    verdict: Mapping[str, Any],
    spec_folder: Path,
) -> dict[str, Any]:
    """Return the contents of `cost.json`: what depends on the machine and the moment.

    Args:
        contenders: after all was asked.
        sides: what the audit sees of them.
        material: the rows of the run.
        verdict: the contents of `verdict.json`.
        spec_folder: where price tables' paths start.

    Returns:
        By contender its time, memory, parameters, tokens and money; under "fronts", for seconds an
        item and for memory, who no other equals or beats at a lower cost.

    Raises:
        LeitaiError: a price table or an endpoint's ledger cannot be read.
    """
    costs: dict[str, dict[str, Any]] = {}
    for contender, side in zip(contenders, sides, strict=True):
        card, cost = _card(contender, side, material), _cost(contender, side, material)
        spent = spent_by(contender, spec_folder)
        rate = cost.items_per_second
        costs[contender.key] = {
            **cost.model_dump(mode="json", exclude={"money", "currency", "tokens", "requests"}),
            "seconds_per_item": 1 / rate if rate else None,
            "trainable_parameters": card.trainable_parameters,
            "total_parameters": card.total_parameters,
            "spent": None if spent is None else asdict(spent),
        }
    task = next(task for task in verdict["tasks"] if task["primary"])
    ranked = sorted(verdict["overall"]["ranking"])
    fronts = {
        measure: front_of(task, ranked, {key: float(costs[key][measure]) for key in ranked})
        for measure in ("seconds_per_item", "peak_memory_bytes")
        if all(costs[key][measure] for key in ranked)
    }
    return {**costs, "fronts": fronts}


def _card(contender: Contender, side: Side, material: Material) -> ContenderCard:
    adapt, learns = material.spec.adapt, isinstance(side.view, LocalView)
    return ContenderCard(
        name=contender.spec.title,
        model=contender.spec.stated,
        kind=contender.kind,
        family=None if side.view is None else side.view.family,
        method=None if adapt is None or not learns else adapt.method.name,
        trainable_parameters=None if adapt is None or not learns else _trained(contender),
        total_parameters=None if side.view is None else side.view.total,
        vocabulary=None if side.view is None else side.view.vocab_size,
        weights_sha256=contender.state,
    )


def _trained(contender: Contender) -> int:
    """Read what was trained in the end: a search may have chosen another rank."""
    result = read_json(contender.folder / "run" / "result.json")["result"]
    return int(result["trainable_parameters"])


def _search_seconds(contender: Contender) -> float | None:
    costs = [read_json(p) for p in (contender.folder / "search").glob("trial-*/rung-*/cost.json")]
    return sum(cost["seconds"] for cost in costs) or None


def _cost(contender: Contender, side: Side, material: Material) -> Cost:
    scored = score_cost(contender)
    run = contender.folder / "run"
    trained: dict[str, Any] = {}
    if material.spec.adapt is not None and isinstance(side.view, LocalView):
        trained = {**read_json(run / "result.json")["result"], **read_json(run / "cost.json")}
    # what answers on a server takes no memory here that would tell anything
    here = contender.kind != "endpoint"
    peak = max(int(scored["peak_bytes"]), int(trained.get("peak_bytes", 0))) if here else 0
    seconds = scored["seconds"]
    return Cost(
        train_seconds=trained.get("seconds"),
        search_seconds=_search_seconds(contender),
        train_tokens=trained.get("train_tokens"),
        score_seconds=seconds or None,
        items_per_second=scored["items"] / seconds if seconds else None,
        peak_memory_bytes=peak or None,
        characters_per_token=_density(side, material),
    )


def _density(side: Side, material: Material) -> dict[str, float]:
    if side.view is None:
        return {}
    view = side.view
    rows: dict[str, Row] = {
        row.id: row for items in material.items.values() for row in items if row.language
    }
    texts: dict[str, list[str]] = {}
    for row in rows.values():
        texts.setdefault(str(row.language), []).append(readable(row))
    return {
        language: sum(map(len, found)) / sum(len(view.encode(text)) for text in found)
        for language, found in sorted(texts.items())
    }
