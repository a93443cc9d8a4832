"""The forecast of a duel against what its parts took."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from leitai.base.files import read_json
from leitai.comparison.forecast import Forecast, Part
from leitai.comparison.spec import CompareSpec, ContenderSpec
from leitai.planning import Plan, PredictionError, prediction_error


def hindsight(
    found: Forecast, spec: CompareSpec, folder: Path
) -> Iterator[tuple[str, PredictionError]]:
    """Compare the adaptation and the asking of every contender that runs here with its plan.

    Asking is that of all tasks in the deciding way; where it stopped early, the plan is taken for
    the items that were asked.

    Args:
        found: the forecast of the spec.
        spec: the duel.
        folder: of the finished run.

    Yields:
        (what was done by whom, the comparison).

    Raises:
        LeitaiError: the run's files cannot be read.
    """
    for key, contender in spec.keyed.items():
        place = folder / "contenders" / key
        run = place / "run"
        adapted = found.parts.get(f"{contender.title}: adapt")
        if adapted is not None and (run / "cost.json").exists():
            steps = int(read_json(run / "result.json")["result"]["steps"])
            cost = read_json(run / "cost.json")
            yield (
                f"{contender.title}, adapting",
                prediction_error(adapted.plan, cost, steps=steps),
            )
        if (asked := _asking(found, spec, contender, place / "cost", key)) is not None:
            # the process that adapted asks too, and keeps what it had
            held = max(asked.planned_bytes, adapted.plan.peak_bytes if adapted else 0)
            yield f"{contender.title}, asking", replace(asked, planned_bytes=held)


def _asking(
    found: Forecast, spec: CompareSpec, contender: ContenderSpec, costs: Path, key: str
) -> PredictionError | None:
    own = [part for name, part in found.parts.items() if name.startswith(f"{contender.title}: ")]
    errors = []
    for task in spec.tasks:
        parts = [part for part in own if part.asks == task.name]
        path = costs / f"score-{task.name}-{key}.json"
        if parts and path.exists():
            cost = read_json(path)
            plans = [_for_items(part, int(cost["items"])) for part in parts]
            errors.append(prediction_error(_together(plans), cost))
    if not errors:
        return None
    return PredictionError(
        planned_seconds=sum(error.planned_seconds for error in errors),
        seconds=sum(error.seconds for error in errors),
        planned_bytes=max(error.planned_bytes for error in errors),
        peak_bytes=max(error.peak_bytes for error in errors),
    )


def _for_items(part: Part, asked: int) -> Plan:
    share = 1.0 if part.least is None else min(1.0, asked / part.items)
    time = {name: share * seconds for name, seconds in part.plan.time.items()}
    return replace(part.plan, time=time)


def _together(plans: list[Plan]) -> Plan:
    """One after the other: the times add up, the largest memory counts."""
    largest = max(plans, key=lambda plan: plan.peak_bytes)
    time = {str(number): plan.seconds for number, plan in enumerate(plans)}
    return replace(largest, time=time)
