"""Every adaptation method on four classifications with few labels: the tables of docs/methods.md.

    python benchmarks/methods.py --data-root FOLDER     prints the tables
    ... --save                                          keeps them and writes them into the page
    ... --model FOLDER_OR_HUB_ID                        on that model, not on small ones made here

Without --model, a small model of each family is trained first, on replies, other labels and texts
without labels. Of three learning rates for each method, tried with one seed, validation chooses;
then come two more seeds, and the held-out rows are asked. Every run is a process of its own and is
kept in --runs by its settings: killed and called again, the command goes on.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from methods_cases import (
    CASES,
    DATA,
    EARLY_LABELS,
    EARLY_METHODS,
    FEW_LABELS,
    FEW_METHODS,
    SECOND_FAMILY,
    TUNED_ON,
    Case,
    Rows,
    base_rows,
    load,
)
from methods_runs import BATCH_ROWS, DATE, Bench, Run, accuracy
from methods_table import MARKDOWN
from page import PAGE, conditions, fill, keep

from leitai.adapters.method import Full
from leitai.base.files import hash_value, read_json
from leitai.data import Row, data_hash
from leitai.inference import LanguageModel
from leitai.models import resolve_model
from leitai.training import AdaptSpec, create_scratch, train
from leitai.training.spec import LEARNING_RATES

BASES = {"Qwen3 nano": "qwen3-nano", "Llama 3 nano": "llama3-nano"}
VOCABULARY, BASE_STEPS, BASE_RATE = 3000, 2000, 3e-3
SEEDS = (0, 1, 2)
EARLY_TIMES = 2
METHODS_PAGE = PAGE.with_name("methods.md")


def make_bases(bench: Bench, rows: Sequence[Row]) -> dict[str, tuple[Path, str]]:
    """Train the small models; return folder and key of each by its title."""
    texts = [m["content"] for row in rows for m in row.messages]
    texts += [
        m["content"] for part in bench.rows.values() for r in part.training for m in r.messages
    ]
    spec = AdaptSpec(
        method=Full(),
        epochs=BASE_STEPS,
        max_steps=BASE_STEPS,
        batch_rows=32,
        learning_rate=BASE_RATE,
        prompt_weight=0.3,
        weight_decay=0.1,
    )
    bases, works = {}, []
    for title, preset in BASES.items():
        settings = [VOCABULARY, spec.model_dump(mode="json")]
        key = hash_value([preset, texts, data_hash(rows), *settings])
        path = bench.runs / f"base-{key[:16]}.json"

        def work(preset: str = preset, path: Path = path) -> dict[str, Any]:
            scratch = path.with_suffix("") / "scratch"
            create_scratch(preset, texts, scratch, vocab_size=VOCABULARY, seed=0)
            result = train(
                scratch, rows, (), spec, path.with_suffix("") / "run", date=DATE, track=()
            )
            return {"loss": result.final_loss}

        works.append((f"base: {title}", path, work))
        bases[title] = path.with_suffix("") / "run" / "model", key
    bench.do(works)
    return bases


@dataclass(frozen=True)
class Study:
    """The parts of the comparison, each of which saves what it found.

    Attributes:
        bench: what all runs share.
        bases: folder and key of the models by their titles; the studies take the first.
    """

    bench: Bench
    bases: dict[str, tuple[Path, str]]

    def run(self, title: str, name: str, data: str, rate: float, seed: int, **more: Any) -> Run:
        """Return a run on a base."""
        steps = more.pop("steps", self.bench.steps)
        return Run(*self.bases[title], CASES[name], data, rate, seed, steps, **more)

    def rates(self, cells: Sequence[tuple[str, str]]) -> dict[tuple[str, str], float]:
        """Try every rate with the first seed; return the best for each (base, method)."""
        trials = {
            cell: [
                self.run(*cell, TUNED_ON, rate, SEEDS[0])
                for rate in self.bench.grid(CASES[cell[1]])
            ]
            for cell in cells
        }
        self.bench.do(one.training(self.bench) for tried in trials.values() for one in tried)

        def loss(one: Run) -> float:
            return float(read_json(one.files(self.bench)[0])["best_loss"])

        return {cell: min(tried, key=loss).rate for cell, tried in trials.items()}

    def measured(self, groups: dict[Any, list[Run]]) -> dict[Any, dict[str, Any]]:
        """Train and ask; return the figures of each group, a value a seed."""
        every = [one for runs in groups.values() for one in runs]
        self.bench.do(one.training(self.bench) for one in every)
        self.bench.do(one.asking(self.bench) for one in every)
        found = {}
        for key, runs in groups.items():
            trained, asked = ([read_json(one.files(self.bench)[i]) for one in runs] for i in (0, 1))
            found[key] = {
                "trainable": trained[0]["trainable"],
                "accuracy": [one["accuracy"] for one in asked],
                **{
                    name: [one[name] for one in trained]
                    for name in ("steps", "cpu_seconds", "peak_bytes")
                },
            }
        return found

    def table(self) -> dict[str, Any]:
        """Every method on every data set, and the bases as they are."""
        rows = self.bench.rows
        cells = [
            (title, name)
            for number, title in enumerate(self.bases)
            for name in (SECOND_FAMILY if number else CASES)
        ]
        rates = self.rates(cells)
        found = self.measured(
            {
                (*cell, data): [self.run(*cell, data, rates[cell], seed) for seed in SEEDS]
                for cell in cells
                for data in rows
                if CASES[cell[1]].takes(data)
            }
        )
        untouched = self.untouched()
        return {
            "data": {
                name: {
                    "labels": len(part.labels),
                    "train": len(part.few(SEEDS[0])),
                    "validation": len(part.validation),
                    "test": len(part.test),
                }
                for name, part in rows.items()
            },
            "bases": {
                title: {
                    "untouched": {data: untouched[title, data] for data in rows},
                    "methods": {
                        name: {d: found[t, name, d] for d in rows if CASES[name].takes(d)}
                        for t, name in cells
                        if t == title
                    },
                    "rates": {name: rate for (t, name), rate in rates.items() if t == title},
                }
                for title in self.bases
            },
        }

    def untouched(self) -> dict[tuple[str, str], float]:
        """Ask the bases as they are; return the accuracy by base and data."""
        works, paths = [], {}
        for title, (folder, key) in self.bases.items():
            for data, rows in self.bench.rows.items():
                settings = hash_value([key, data_hash(rows.test), rows.labels])
                path = paths[title, data] = self.bench.runs / f"{settings[:16]}.json"
                works.append(
                    (f"ask: {title} as it is, {data}", path, partial(_ask, folder, path, rows))
                )
        self.bench.do(works)
        return {cell: float(read_json(path)["accuracy"]) for cell, path in paths.items()}

    def few(self) -> dict[str, Any]:
        """Some methods with more and more labels."""
        first = next(iter(self.bases))
        rates = self.rates([(first, name) for name in FEW_METHODS])
        found = self.measured(
            {
                (name, count): [
                    self.run(first, name, TUNED_ON, rates[first, name], seed, per_label=count)
                    for seed in SEEDS
                ]
                for name in FEW_METHODS
                for count in FEW_LABELS
            }
        )
        return {
            name: {str(count): found[name, count]["accuracy"] for count in FEW_LABELS}
            for name in FEW_METHODS
        }

    def early(self) -> dict[str, Any]:
        """Long runs on very few labels, with early stopping and without."""
        first = next(iter(self.bases))
        rates = self.rates([(first, name) for name in EARLY_METHODS])
        more = {"per_label": EARLY_LABELS, "steps": EARLY_TIMES * self.bench.steps}
        found = self.measured(
            {
                (name, word): [
                    self.run(first, name, TUNED_ON, rates[first, name], seed, early=early, **more)
                    for seed in SEEDS
                ]
                for name in EARLY_METHODS
                for word, early in (("on", True), ("off", False))
            }
        )
        return {name: {w: found[name, w] for w in ("on", "off")} for name in EARLY_METHODS} | more


PARTS = {"table": Study.table, "few": Study.few, "early": Study.early}


def _ask(model: Path, path: Path, rows: Rows) -> dict[str, Any]:
    return {"accuracy": accuracy(LanguageModel.load(model), rows, path)}


def _usual_grid(case: Case) -> tuple[float, ...]:
    middle = LEARNING_RATES[case.method.name]
    return middle / 3, middle, 3 * middle


def _load_libraries() -> None:
    """Make torch load what it otherwise loads at first use, in every run anew."""
    torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
    torch.empty_like(torch.empty(1, device="meta"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, help="default: $LEITAI_DATA_ROOT")
    parser.add_argument("--model", help="a folder or hub id to adapt instead of the small models")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/methods"), help="where runs are kept"
    )
    parser.add_argument("--steps", type=int, default=200, help="updates of a run")
    parser.add_argument("--at-once", type=int, default=1, help="runs at a time")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="these parts")
    parser.add_argument("--save", action="store_true", help="keep the results and write the page")
    options = parser.parse_args()
    torch.set_num_threads(1)  # a fork does not take other threads along
    _load_libraries()
    about, start = conditions(rounds=len(SEEDS), threads=1), time.monotonic()
    rows = {name: part for name, data in DATA.items() if (part := load(data, options.data_root))}
    for name in DATA.keys() - rows.keys():
        print(f"{name} is not below the data root: its column is left out")
    grid = _usual_grid if options.model else lambda case: case.rates
    bench = Bench(options.runs, rows, options.steps, options.at_once, grid)
    if options.model:
        bases = {options.model: (resolve_model(options.model), options.model)}
    else:
        bases = make_bases(bench, base_rows(rows, options.data_root))
    study = Study(bench, bases)
    for name in options.only:
        found = PARTS[name](study)
        found["conditions"] = (
            f"{about['machine']}; one thread a run, {options.at_once} at once on a shared machine; "
            f"{options.steps} steps of {BATCH_ROWS} rows; {len(SEEDS)} seeds; {about['date']}"
        )
        text = MARKDOWN[name](found)
        print(f"\n{text}\n\n{time.monotonic() - start:.0f} s", flush=True)
        if options.save:
            keep("methods", {f"{options.model or 'scratch'}: {name}": found})
            if not options.model:
                fill(f"methods-{name}", text, METHODS_PAGE)


if __name__ == "__main__":
    main()
