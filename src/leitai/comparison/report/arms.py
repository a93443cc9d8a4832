"""The primary task asked in other ways and of other seeds, and what that says of new ones."""

from dataclasses import dataclass
from typing import Any

from leitai.comparison.metric_words import metric_of
from leitai.comparison.report.data import ReportData
from leitai.comparison.report.figures import count_of
from leitai.comparison.report.strings import STRINGS
from leitai.comparison.report.views import Cell, cell, chance
from leitai.comparison.wording import Bilingual, Unit


@dataclass(frozen=True, slots=True)
class ArmRow:
    """One arm or seed: scores by contender, differences by pair (A-B)."""

    name: Bilingual
    n_text: str
    scores: dict[str, Cell]
    differences: dict[str, Cell]


@dataclass(frozen=True, slots=True)
class ComponentRow:
    """One pair beyond what was tried: `variances` are in the metric's own units, squared."""

    pair: str
    difference: Cell
    p_text: str
    variances: Bilingual


def arm_rows(data: ReportData) -> list[ArmRow]:
    """Return the arms, then the seeds; none where the spec asks for none."""
    unit, verdict = _unit(data), data.verdict
    rows = [(Bilingual.same(str(part["arm"])), part) for part in verdict.get("arms") or ()]
    for part in verdict.get("seeds") or ():
        rows.append((Bilingual(f"seed {part['seed']}", f"种子 {part['seed']}"), part))
    return [_arm(name, part, unit) for name, part in rows]


def _arm(name: Bilingual, part: dict[str, Any], unit: Unit) -> ArmRow:
    return ArmRow(
        name=name,
        n_text=count_of(part["n"]),
        scores={key: cell(score, unit.value) for key, score in part["scores"].items()},
        differences={key: _difference(pair, unit) for key, pair in part["pairs"].items()},
    )


def component_rows(data: ReportData) -> tuple[Bilingual, list[ComponentRow]] | None:
    """Return over what the differences were averaged, and a row for each pair, if they were."""
    found = data.verdict.get("components")
    if not found:
        return None
    unit = _unit(data)
    intro = STRINGS["components_intro"].format(
        **{key: count_of(found[key]) for key in ("items", "seeds", "templates")}
    )
    rows = [
        ComponentRow(
            pair=name,
            difference=_difference(pair, unit),
            p_text=chance(pair["p"]),
            variances=_variances(pair["variances"]),
        )
        for name, pair in found["pairs"].items()
    ]
    return intro, rows


def _variances(found: dict[str, float]) -> Bilingual:
    """Write each part's variance; the parts are factors, or several joined by ``x``."""
    parts = []
    for name, variance in found.items():
        factors = [STRINGS[f"factor_{factor}"] for factor in name.split(" x ")]
        joined = Bilingual(" × ".join(f.en for f in factors), " × ".join(f.zh for f in factors))
        parts.append(Bilingual(f"{joined.en} {variance:.3g}", f"{joined.zh} {variance:.3g}"))
    return Bilingual(", ".join(p.en for p in parts), "，".join(p.zh for p in parts))


def _unit(data: ReportData) -> Unit:
    task = next(task for task in data.verdict["tasks"] if task["primary"])
    return metric_of(task["metric"]).unit


def _difference(pair: dict[str, Any], unit: Unit) -> Cell:
    return cell(pair["difference"], lambda value: unit.difference(value, True))
