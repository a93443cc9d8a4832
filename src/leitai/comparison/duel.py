"""The main job: from SPEC.yaml to a verdict and a report, stage by stage."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.base.files import hash_value, write_json
from leitai.base.locks import run_lock
from leitai.base.machine import machine, versions
from leitai.base.specfile import load_spec
from leitai.comparison.audit import Material, as_json, audit, refuse_unfair
from leitai.comparison.contender import Contender, Scorer, adapt, find_or_make, side_of
from leitai.comparison.report import write_report
from leitai.comparison.reporting import report_data
from leitai.comparison.spec import NATIVE, CompareSpec
from leitai.comparison.stages import Stages
from leitai.comparison.verdict import ItemScore, TaskScores, decide
from leitai.data import Row, data_hash, labels_of, load_rows, row_with, with_system
from leitai.evaluation import MEASURES, Classification, Task, read_records


@dataclass(frozen=True, slots=True)
class Duel:
    """What a finished duel leaves.

    Attributes:
        folder: the run folder.
        verdict: the contents of verdict.json.
        report: the page to open.
        reused: names of the stages that were not run again.
    """

    folder: Path
    verdict: dict[str, Any]
    report: Path
    reused: tuple[str, ...]


def compare(
    spec_path: Path,
    out: Path | None = None,
    *,
    data_root: Path | None = None,
    overrides: Sequence[str] = (),
) -> Duel:
    """Run a duel, or what is left of it.

    Args:
        spec_path: the YAML file.
        out: the run folder; by default ``runs/<name>``.
        data_root: where public data sets lie.
        overrides: ``key.path=value`` settings on top of the spec.

    Raises:
        LeitaiError: any mistake in spec, data or models; an unfair duel; a full disk.
    """
    spec = load_spec(spec_path, CompareSpec, list(overrides))
    folder = out if out is not None else Path("runs") / spec.name
    with run_lock(folder):
        return _run(spec, spec_path.resolve().parent, folder.resolve(), data_root)


def _run(spec: CompareSpec, spec_folder: Path, run: Path, data_root: Path | None) -> Duel:
    stages = Stages(run)
    train_rows, valid_rows = _training_rows(spec, spec_folder, data_root)
    material = _material(spec, spec_folder, data_root, train_rows)
    texts = [str(message["content"]) for row in train_rows for message in row.messages]
    contenders = [find_or_make(key, spec, texts, run, spec_folder, stages) for key in "AB"]
    resolved = _resolved(spec, contenders, material, valid_rows)
    write_json(run / "resolved.json", resolved)

    sides = (side_of(contenders[0], spec), side_of(contenders[1], spec))
    findings = audit(sides, material)
    write_json(run / "audit.json", as_json(findings))
    refuse_unfair(findings)

    paths: dict[str, list[Path]] = {task.name: [] for task in spec.tasks}
    for contender in contenders:
        adapt(contender, spec, train_rows, valid_rows, stages)
        scorer = Scorer(contender, spec)
        for task in spec.tasks:
            items, labels = material.items[task.name], material.labels[task.name]
            paths[task.name].append(scorer.score(task, items, labels, run, stages))

    verdict = _verdict(spec, contenders, paths)
    write_json(run / "verdict.json", verdict)
    manifest = {"spec": resolved, "versions": versions(), "machine": machine()}
    write_json(run / "manifest.json", manifest)
    data = report_data(contenders, sides, material, verdict, findings, manifest)
    write_json(run / "cost.json", data.cost_json())
    write_report(run, data)
    return Duel(run, verdict, run / "report.html", tuple(stages.reused))


def _training_rows(
    spec: CompareSpec, spec_folder: Path, data_root: Path | None
) -> tuple[list[Row], list[Row]]:
    """Load what is learnt from and what early stopping looks at, system prompt included."""
    system = None if spec.prompting.system == NATIVE else spec.prompting.system
    parts: dict[str, list[Row]] = {"train": [], "validation": []}
    for number, source in enumerate(spec.train_on):
        for row in load_rows(source, base_folder=spec_folder, data_root=data_root):
            if row.split in parts:
                parts[row.split].append(
                    replace(
                        row_with(row, lambda messages: with_system(messages, system)),
                        id=f"{number}/{row.id}",
                    )
                )
    for name, rows in parts.items():
        if spec.train_on and not rows:
            raise LeitaiError(
                f"train_on has no rows in its {name} split",
                where=spec.name,
                remedy="give the data a `split`, such as {train: 0.8, validation: 0.1, test: 0.1}",
            )
    return parts["train"], parts["validation"]


def _material(
    spec: CompareSpec, spec_folder: Path, data_root: Path | None, train: list[Row]
) -> Material:
    items: dict[str, Sequence[Row]] = {}
    labels: dict[str, tuple[str, ...]] = {}
    for task in spec.tasks:
        rows = load_rows(task.data, base_folder=spec_folder, data_root=data_root)
        items[task.name] = task.pick(rows, spec.seed)
        labels[task.name] = (
            labels_of(task.data, rows, base_folder=spec_folder, data_root=data_root)
            if isinstance(task, Classification)
            else ()
        )
    return Material(spec, train, items, labels)


def _resolved(
    spec: CompareSpec, contenders: Sequence[Contender], material: Material, valid: Sequence[Row]
) -> dict[str, Any]:
    """The spec with all defaults filled in and a hash for everything it points to."""
    resolved: dict[str, Any] = {
        "spec": spec.model_dump(mode="json"),
        "contenders": {c.key: {"base": c.base_hash} for c in contenders},
        "data": {
            "train": data_hash(material.train),
            "validation": data_hash(valid),
            "tasks": {name: data_hash(rows) for name, rows in material.items.items()},
        },
    }
    return {**resolved, "hash": hash_value(resolved)}


def _verdict(
    spec: CompareSpec, contenders: Sequence[Contender], paths: dict[str, list[Path]]
) -> dict[str, Any]:
    scores = [_task_scores(task, spec, paths[task.name]) for task in spec.tasks]
    names = {c.key: {"name": c.spec.title, "model": c.spec.model} for c in contenders}
    return decide(spec.name, names, scores, alpha=spec.verdict.alpha, seed=spec.seed)


def _task_scores(task: Task, spec: CompareSpec, paths: Sequence[Path]) -> TaskScores:
    sides = [
        [
            ItemScore(r.id, r.slices, r.numerator, r.denominator, r.correct, r.parsed)
            for r in read_records(path)
        ]
        for path in paths
    ]
    return TaskScores(
        task=task.name,
        metric=task.metric,
        higher_is_better=MEASURES[task.metric].higher_is_better,
        margin=spec.verdict.margin(task.metric),
        primary=task.name == spec.primary,
        a=sides[0],
        b=sides[1],
    )
