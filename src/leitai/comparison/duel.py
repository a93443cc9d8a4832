"""The main job: from SPEC.yaml to a verdict and a report, stage by stage."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leitai.base.files import hash_value, read_json, write_json
from leitai.base.locks import run_lock
from leitai.base.machine import machine, versions
from leitai.base.specfile import load_spec
from leitai.comparison.adaptation import adapt
from leitai.comparison.audit import Finding, Material, Side, as_json, audit, refuse_unfair
from leitai.comparison.audit.sensitivity import check_ways
from leitai.comparison.audit.served import counted_findings, served_findings
from leitai.comparison.choice import choice_of
from leitai.comparison.contender import Contender, find_or_make, side_of
from leitai.comparison.costs import repeatable_costs
from leitai.comparison.cutting import cut_rows
from leitai.comparison.further import further_numbers, score_of
from leitai.comparison.material import Place, asked_tasks, training_rows
from leitai.comparison.pairing import TaskScores
from leitai.comparison.probing import probe, probe_findings
from leitai.comparison.report import read_run, write_report
from leitai.comparison.reporting import cards, cost_json
from leitai.comparison.scoring import Scorer
from leitai.comparison.showing import show_prompts
from leitai.comparison.spec import CompareSpec
from leitai.comparison.stages import Stages
from leitai.comparison.stopping import can_stop, refuse_no_pool
from leitai.comparison.together import ask_together
from leitai.comparison.variants import Variants
from leitai.comparison.verdict import decide
from leitai.data import Row, data_hash
from leitai.evaluation import MEASURES, Task, read_records
from leitai.evaluation.respondents import refuse_unable


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
        place = Place(spec_path.resolve().parent, data_root)
        return _Run(spec, place, folder.resolve()).finish()


@dataclass
class _Run:
    """A duel on its way; every step is a stage, or quick."""

    spec: CompareSpec
    place: Place
    folder: Path
    paths: dict[str, dict[str, Path]] = field(default_factory=dict)

    def finish(self) -> Duel:
        spec, run = self.spec, self.folder
        self.stages = Stages(run)
        self.train, self.valid = training_rows(spec, self.place)
        self.asked = asked_tasks(spec, self.place)
        if spec.verdict.about == "these":
            for asked in self.asked.values():
                refuse_no_pool(asked.task, asked.items)
        self.variants = Variants(spec, self.place, run)
        contenders = [self._find(key, spec.seed) for key in spec.keyed]
        sides = [side_of(contender, spec, self.place.spec_folder) for contender in contenders]
        train, valid = (cut_rows(spec, rows, sides) for rows in (self.train, self.valid))
        self.learnt, self.checked = train.rows, valid.rows
        material = Material(
            spec,
            self.learnt,
            {name: asked.items for name, asked in self.asked.items()},
            {name: asked.labels for name, asked in self.asked.items()},
            len(train.shortened) + len(valid.shortened),
            train.tokens,
        )
        resolved = _resolved(spec, contenders, material, self.checked)
        write_json(run / "resolved.json", resolved)

        findings = audit(sides, material)
        write_json(run / "audit.json", as_json(findings))
        refuse_unfair(findings)
        self.scorers = {c.key: self._scorer(c) for c in contenders}
        self._refuse_unable(contenders)

        findings += self._shown(contenders, sides)
        if spec.probe:
            findings += self._probe(contenders)
        self._ask(contenders)
        verdict = self._verdict(contenders, sides)
        findings += self._counted(contenders, sides)
        findings += check_ways(sides, verdict)
        write_json(run / "audit.json", as_json(findings))
        write_json(run / "verdict.json", verdict)
        manifest = {
            "contenders": cards(contenders, sides, material),
            "spec": resolved,
            "versions": versions(),
            "machine": machine(),
        }
        write_json(run / "manifest.json", manifest)
        costs = cost_json(contenders, sides, material, verdict, self.place.spec_folder)
        write_json(run / "cost.json", costs)
        # From the files alone, so that the report can be made again from them.
        write_report(run, read_run(run))
        return Duel(run, verdict, run / "report.html", tuple(self.stages.reused))

    def _find(self, key: str, seed: int) -> Contender:
        return find_or_make(
            key, self.spec, self.train, self.folder, self.place.spec_folder, self.stages, seed
        )

    def _scorer(self, contender: Contender) -> Scorer:
        return Scorer(contender, self.spec, self.train, self.place.spec_folder)

    def _refuse_unable(self, contenders: Sequence[Contender]) -> None:
        """Refuse a task that a contender cannot do, before anything is adapted for it.

        Checkpoints can do all; what was asked in an earlier run is not looked at again.
        """
        for contender in contenders:
            if contender.kind not in ("endpoint", "reference"):
                continue
            scorer = self.scorers[contender.key]
            for name, asked in self.asked.items():
                if not self._records(name, contender).exists():
                    respondent = scorer.respondent(self.spec.main_arm)
                    refuse_unable(respondent, asked.task.needs, name, contender.spec.title)

    def _records(self, task: str, contender: Contender) -> Path:
        return self.folder / "scores" / task / f"{contender.key}.jsonl"

    def _shown(self, contenders: Sequence[Contender], sides: Sequence[Side]) -> list[Finding]:
        """See what servers make of some prompts, where they tell."""
        paths = {c.key: show_prompts(self._scorer(c), self.asked, self.stages) for c in contenders}
        found = {key: read_json(path) for key, path in paths.items() if path is not None}
        return served_findings(sides, found)

    def _counted(self, contenders: Sequence[Contender], sides: Sequence[Side]) -> list[Finding]:
        """See how many tokens servers read, as they count."""
        servers = [c.key for c in contenders if c.kind == "endpoint"]
        records = {
            task: {key: read_records(path) for key, path in paths.items()}
            for task, paths in self.paths.items()
            if servers
        }
        return counted_findings(sides, servers, records)

    def _probe(self, contenders: Sequence[Contender]) -> list[Finding]:
        """See which contenders know items by heart, before they learn anything here."""
        spec = self.spec
        paths = {
            c.key: probe(self._scorer(c), self.asked, spec.probe, spec.seed, self.stages)
            for c in contenders
        }
        return probe_findings(list(paths), list(self.asked), paths)

    def _ask(self, contenders: Sequence[Contender]) -> None:
        """Adapt every contender, and ask it every task in every way."""
        spec = self.spec
        self.early = [
            name
            for name, asked in self.asked.items()
            if spec.verdict.stopping == "safe" and can_stop(asked.task)
        ]
        self.paths = {
            name: {c.key: self._records(name, c) for c in contenders} for name in self.asked
        }
        items = len(self.asked[spec.primary].items)
        for contender in contenders:
            adapt(contender, spec, self.learnt, self.checked, self.stages)
            scorer = self.scorers[contender.key]
            for name, asked in self.asked.items():
                if name not in self.early:
                    path = self.paths[name][contender.key]
                    scorer.score(asked, spec.main_arm, path, self.stages)
            if spec.primary not in self.early:
                self.variants.ask(scorer, self.stages, items)
            scorer.close()
        for name in self.early:
            asked, looks = self.asked[name], self._looks(name)
            ask_together(self.scorers, spec, asked, self.paths[name], looks, self.stages)
        if spec.primary in self.early:
            items = len(read_records(self.paths[spec.primary]["A"]))
            for scorer in self.scorers.values():
                self.variants.ask(scorer, self.stages, items)
                scorer.close()
        self._ask_seeds(contenders, items)

    def _ask_seeds(self, contenders: Sequence[Contender], items: int) -> None:
        """Train with further seeds, and ask the primary task; nothing else has a seed."""
        for seed in self.spec.seeds:
            for first in contenders:
                if first.base is None:
                    self.variants.repeat(first.key, seed)
                    continue
                contender = self._find(first.key, seed)
                adapt(contender, self.spec, self.learnt, self.checked, self.stages, first.settings)
                self.variants.ask(self._scorer(contender), self.stages, items)

    def _looks(self, task: str) -> Path:
        return self.folder / "scores" / task / "looks.json"

    def _verdict(self, contenders: Sequence[Contender], sides: Sequence[Side]) -> dict[str, Any]:
        spec = self.spec
        about = {
            c.key: {"name": c.spec.title, "model": c.spec.stated, "kind": c.kind}
            for c in contenders
        }
        scores = [self._scores(task) for task in spec.tasks]
        verdict = decide(
            spec.name,
            about,
            scores,
            alpha=spec.verdict.alpha,
            early_share=spec.verdict.early_share,
            seed=spec.seed,
        )
        deciding = next(task for task in verdict["tasks"] if task["primary"])
        verdict["overall"]["choice"] = choice_of(
            deciding,
            verdict["overall"],
            {key: str(one["name"]) for key, one in about.items()},
            repeatable_costs(contenders, sides, self.place.spec_folder),
            next(one for one in scores if one.primary),
            spec.seed,
        )
        return {**verdict, **self.variants.parts()}

    def _scores(self, task: Task) -> TaskScores:
        spec = self.spec
        records = {key: read_records(path) for key, path in self.paths[task.name].items()}
        return TaskScores(
            task=task.name,
            metric=task.metric,
            higher_is_better=MEASURES[task.metric].higher_is_better,
            margin=spec.verdict.margin(task.metric),
            primary=task.name == spec.primary,
            scores={key: [score_of(record) for record in found] for key, found in records.items()},
            further=further_numbers(task, records, spec.seed),
            sequential=read_json(self._looks(task.name)) if task.name in self.early else None,
        )


def _resolved(
    spec: CompareSpec, contenders: Sequence[Contender], material: Material, valid: Sequence[Row]
) -> dict[str, Any]:
    """The spec with all defaults filled in and a hash for everything it points to."""
    resolved: dict[str, Any] = {
        "spec": spec.model_dump(mode="json"),
        "contenders": {c.key: {"base": c.state} for c in contenders},
        "data": {
            "train": data_hash(material.train),
            "validation": data_hash(valid),
            "tasks": {name: data_hash(rows) for name, rows in material.items.items()},
        },
    }
    return {**resolved, "hash": hash_value(resolved)}
