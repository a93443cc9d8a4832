"""What a duel will take, before it is run: every part of it, as often as `duel.py` would run it.

With `verdict: {stopping: safe}` a task may end at its first look or at its last item; both ends are
told. Reasoning before an answer, and answers that are longer or shorter than the reference, are
not foreseen.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leitai.base.specfile import load_spec
from leitai.comparison.calls import Calls, calls_of
from leitai.comparison.contender import prompting_of, system_of
from leitai.comparison.material import Asked, Place, ask_under, training_rows
from leitai.comparison.probing import CHARACTERS, probe_rows
from leitai.comparison.search.draws import steps_in_all
from leitai.comparison.spec import ArmSpec, CompareSpec, ContenderSpec
from leitai.comparison.stopping import can_stop
from leitai.data import Row, with_system
from leitai.evaluation import BaseTask
from leitai.evaluation.respondents import Ability
from leitai.planning import (
    GenerateTask,
    Machine,
    Plan,
    ScoreTask,
    Shape,
    find_shape,
    make_plan,
)
from leitai.planning.lengths import Lengths, row_lengths
from leitai.planning.specs import local, plan_adaptation
from leitai.training.spec import AdaptSpec

_OFFERED = ("choices", "candidates", "labels")
"""Facts that list what one item can be answered with; the data's labels where there are none."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something that a contender does here.

    Attributes:
        plan: of one time, over all items.
        times: how often it is done: once for each seed.
        items: asked at a time; 0 for training.
        asks: the task, where it is asked in the deciding way; empty for anything else.
        least: the plan if asking stops at the first look; None where it cannot stop early.
    """

    plan: Plan
    times: int = 1
    items: int = 0
    asks: str = ""
    least: Plan | None = None

    @property
    def seconds(self) -> tuple[float, float]:
        """All times together, at least and at most."""
        return self.times * (self.least or self.plan).seconds, self.times * self.plan.seconds


@dataclass(frozen=True, slots=True)
class Forecast:
    """All that a duel will take.

    Attributes:
        parts: what runs here, by contender and what it does.
        calls: what is asked of servers, by contender.
        unplanned: contenders that run here in a way that cannot be planned.
    """

    parts: Mapping[str, Part]
    calls: Mapping[str, Calls]
    unplanned: tuple[str, ...] = ()

    @property
    def seconds(self) -> tuple[float, float]:
        """Time on this machine, at least and at most; servers' time is not known here."""
        each = [part.seconds for part in self.parts.values()]
        return sum(low for low, _ in each), sum(high for _, high in each)


@dataclass(frozen=True, slots=True)
class Asking:
    """A task in one way to ask it.

    Attributes:
        name: of the task, with the arm's where it is not the deciding one, or of the probe.
        rows: with the way's system prompt, references at their ends.
        needs: what must be done with them.
        choices: to weigh for each row; 1 where the reference alone is.
        least: rows that are asked at least; all of them where asking cannot stop early.
        seeds: whether contenders of further seeds are asked too; the deciding one always is.
        arm: the way.
        main: whether it is a task in the deciding way.
    """

    name: str
    rows: Sequence[Row]
    needs: frozenset[Ability]
    choices: int
    least: int
    seeds: bool
    arm: ArmSpec
    main: bool = False


def forecast(
    path: Path,
    machine: Machine,
    *,
    data_root: Path | None = None,
    overrides: Sequence[str] = (),
    run: Path | None = None,
) -> Forecast:
    """Plan each part of a duel: searches, adaptations, probes and tasks of every contender.

    Args:
        path: the YAML file of `leitai compare`.
        machine: where it would run.
        data_root: where public data sets lie.
        overrides: ``key.path=value`` settings on top of the spec.
        run: the folder of the run, if it has begun: scratch models are taken as they were made.

    Raises:
        LeitaiError: a mistake in the spec or the data, or a model whose shape is not known.
    """
    spec = load_spec(path, CompareSpec, overrides)
    place = Place(path.resolve().parent, data_root)
    learnt = training_rows(spec, place)
    main = [ask_under(task, spec.main_arm, spec, place) for task in spec.tasks]
    ways = [*_ways(spec, place, main)]
    probes = [*_probes(spec, main)] if spec.probe else []
    parts: dict[str, Part] = {}
    calls: dict[str, Calls] = {}
    unplanned = []
    for key, contender in spec.keyed.items():
        if contender.transformers is not None:
            unplanned.append(contender.title)
        if contender.kind == "reference" or contender.transformers is not None:
            continue
        asked = [*ways, *(() if contender.scratch else probes)]
        if contender.endpoint is not None:
            calls[contender.title] = calls_of(contender.endpoint, asked, place.spec_folder)
            continue
        made = None if run is None else run / "contenders" / key / "base"
        shape = find_shape(
            str(made)
            if made is not None and made.is_dir()
            else local(str(contender.model), place.spec_folder),
            vocab_size=spec.scratch.vocab_size,
        )
        for name, part in (
            *_adaptations(spec, contender, shape, learnt, machine),
            *_askings(spec, contender, shape, asked, learnt[0], machine),
        ):
            parts[f"{contender.title}: {name}"] = part
    return Forecast(parts, calls, tuple(unplanned))


def _ways(spec: CompareSpec, place: Place, main: Sequence[Asked]) -> Iterator[Asking]:
    """Every task under the deciding arm, and the primary one under the others."""
    for asked in main:
        yield replace(_asking(spec, asked, spec.main_arm, asked.task.name), main=True)
    primary = next(task for task in spec.tasks if task.name == spec.primary)
    for arm in spec.arms[1:]:
        name = f"{primary.name}, arm {arm.name}"
        yield _asking(spec, ask_under(primary, arm, spec, place), arm, name)


def _asking(spec: CompareSpec, asked: Asked, arm: ArmSpec, name: str) -> Asking:
    task, rows = asked.task, list(asked.items)
    rows *= getattr(task, "orders", 1)  # a list is shown in so many orders
    own = next((rows[0].facts[fact] for fact in _OFFERED if fact in rows[0].facts), asked.labels)
    stops = spec.verdict.stopping == "safe" and can_stop(task)
    return Asking(
        name=name,
        rows=[_with_system(row, spec, arm) for row in rows],
        needs=task.needs,
        choices=max(1, len(own)) if task.needs == {"choose"} else _beside(task),
        least=min(len(rows), spec.verdict.look_from) if stops else len(rows),
        seeds=task.name == spec.primary,
        arm=arm,
    )


def _beside(task: BaseTask) -> int:
    """Answers to weigh beside what is written: the reference, or a title in three histories."""
    return 3 if "choose" in task.needs else 1


def _probes(spec: CompareSpec, main: Sequence[Asked]) -> Iterator[Asking]:
    """The halves that are shown; whoever does not know the rest writes on to the limit."""
    for asked in main:
        rows = []
        for row in (row for half in probe_rows(asked.items, spec.probe, spec.seed) for row in half):
            said = str(row.messages[-1]["content"])
            said = (said + " ") * math.ceil(CHARACTERS / (len(said) + 1))
            answer = {"role": "assistant", "content": said[:CHARACTERS]}
            written = replace(row, messages=(*row.messages[:-1], answer))
            rows.append(_with_system(written, spec, spec.main_arm))
        if rows:
            yield Asking(
                name=f"probe of {asked.task.name}",
                rows=rows,
                needs=frozenset({"write"}),
                choices=1,
                least=len(rows),
                seeds=False,
                arm=spec.main_arm,
            )


def _with_system(row: Row, spec: CompareSpec, arm: ArmSpec) -> Row:
    return replace(row, messages=with_system(row.messages, system_of(spec, arm)))


def _adaptations(
    spec: CompareSpec,
    contender: ContenderSpec,
    shape: Shape,
    learnt: tuple[Sequence[Row], Sequence[Row]],
    machine: Machine,
) -> Iterator[tuple[str, Part]]:
    """The search, whose best run becomes the contender, and the adaptation for every other seed."""
    train, valid = learnt
    if spec.adapt is None or not train:
        return

    def plan(adapt: AdaptSpec) -> Plan:
        return plan_adaptation(
            shape,
            train,
            valid,
            adapt,
            machine,
            vocab_size=spec.scratch.vocab_size,
            dtype=spec.runtime.dtype,
            date=spec.prompting.date,
            thinking=contender.thinking,
        )

    adapt, times = spec.adapt, 1 + len(spec.seeds)
    if spec.search is not None:
        per_epoch = math.ceil(len(train) / (adapt.batch_rows * adapt.accumulation))
        steps = steps_in_all(adapt, spec.search, spec.seed, per_epoch)
        passes = math.ceil(steps / max(1, per_epoch))
        whole = adapt.model_copy(update={"epochs": passes, "max_steps": steps})
        yield "search", Part(plan(whole))
        times -= 1
    if times:
        yield "adapt", Part(plan(adapt), times)


def _askings(
    spec: CompareSpec,
    contender: ContenderSpec,
    shape: Shape,
    asked: Sequence[Asking],
    learnt: Sequence[Row],
    machine: Machine,
) -> Iterator[tuple[str, Part]]:
    for one in asked:
        prompting = prompting_of(spec, contender, one.arm)
        lengths = row_lengths(
            one.rows,
            shape,
            AdaptSpec(turns="last", max_length=shape.config.max_position_embeddings),
            vocab_size=spec.scratch.vocab_size,
            learn_from=learnt or one.rows,
            date=prompting.date,
            thinking=prompting.thinking,
        )
        times = 1 + (len(spec.seeds) if one.seeds else 0)
        for need in sorted(one.needs):
            name = one.name if len(one.needs) == 1 else f"{one.name}, {need}"
            whole, least = (
                _plan(need, shape, lengths, items, one.choices, machine, spec.runtime.dtype)
                for items in (len(one.rows), one.least)
            )
            early = least if one.least < len(one.rows) else None
            asks = one.name if one.main else ""
            yield name, Part(whole, times, len(one.rows), asks, early)


def _plan(
    need: Ability,
    shape: Shape,
    lengths: Lengths,
    items: int,
    choices: int,
    machine: Machine,
    dtype: str,
) -> Plan:
    context = max(1.0, lengths.tokens - lengths.targets)
    config = shape.config
    if lengths.vocab_size is not None and shape.scratch:
        config = replace(config, vocab_size=lengths.vocab_size)
    if need == "write":
        asked = GenerateTask(items, context, max(1, math.ceil(lengths.targets)))
        return make_plan(config, asked, machine, dtype)
    shared = max(0.0, min(lengths.shared, context - 1))
    scored = ScoreTask(items, context, choices, lengths.targets, shared)
    return make_plan(config, scored, machine, dtype)
