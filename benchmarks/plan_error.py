"""How far off plans are: real runs in processes of their own against what was planned for them.

    python benchmarks/plan_error.py                  all cases, about ten minutes on two cores
    python benchmarks/plan_error.py --only lora-micro score-0.5b
    python benchmarks/plan_error.py --save           also keeps them and fills docs/performance.md

The machine is measured anew before each run, as `leitai plan --measure` does. Time is that of
the work, model loading left out; memory is the largest resident size of the process.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from outside import watch
from page import Part, conditions, described, fill, grid, keep, spread

from leitai.adapters import Full, apply_method
from leitai.base.files import read_json
from leitai.inference.generation import Limits, make_row
from leitai.inference.sampler import Sampling
from leitai.inference.scheduler import Engine
from leitai.inference.scoring import score_requests
from leitai.models import (
    SCRATCH_PRESETS,
    Decoder,
    ModelConfig,
    init_decoder,
    load_decoder,
    save_decoder,
)
from leitai.planning import (
    GenerateTask,
    Machine,
    PredictionError,
    ScoreTask,
    Task,
    TrainTask,
    find_shape,
    make_plan,
    measured_machine,
    prediction_error,
)
from leitai.planning.specs import plan_train_spec
from leitai.training import AdaptSpec
from leitai.training.batches import EncodedRow
from leitai.training.checkpoint import CheckpointStore
from leitai.training.loop import Loop
from leitai.training.objectives import make_objective

VOCAB = 3000  # of scratch models

CASES: dict[str, tuple[str, str, Task]] = {
    "full-nano": (
        "qwen3-nano",
        "float32",
        TrainTask(rows=1280, tokens=45, targets=8, method=Full(), epochs=1, batch_rows=16),
    ),
    "full-micro": (
        "llama3-micro",
        "float32",
        TrainTask(rows=192, tokens=100, targets=20, method=Full(), epochs=1, batch_rows=16),
    ),
    "lora-micro": (
        "qwen3-micro",
        "float32",
        TrainTask(rows=256, tokens=100, targets=20, epochs=1, batch_rows=16),
    ),
    "lora-shared": (
        "qwen3-micro",
        "float32",
        TrainTask(rows=256, tokens=200, targets=20, shared=150, epochs=1, batch_rows=16),
    ),
    "lora-0.5b": (
        "Qwen2.5-0.5B",
        "bfloat16",
        TrainTask(rows=16, tokens=100, targets=20, epochs=1, batch_rows=8),
    ),
    "score-micro": ("qwen3-micro", "float32", ScoreTask(items=16, context=30, choices=77)),
    "score-0.5b": ("Qwen2.5-0.5B", "bfloat16", ScoreTask(items=8, context=80, choices=4, answer=6)),
    "generate-1": ("Qwen2.5-0.5B", "bfloat16", GenerateTask(1, prompt=64, new_tokens=32)),
    "generate-8": ("Qwen2.5-0.5B", "bfloat16", GenerateTask(8, prompt=64, new_tokens=16)),
}


COMMAND = "train"
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "train.yaml"
TITLES = {
    COMMAND: "`leitai train examples/train.yaml`, the whole command's memory",
    "full-nano": "train every weight of qwen3-nano, 1,280 rows of 45 tokens",
    "full-micro": "train every weight of llama3-micro, 192 rows of 100",
    "lora-micro": "LoRA on qwen3-micro, 256 rows of 100",
    "lora-shared": "LoRA on qwen3-micro, 256 rows of 200, 150 of them shared",
    "lora-0.5b": "LoRA on Qwen2.5-0.5B in bf16, 16 rows of 100",
    "score-micro": "77 labels for 16 contexts of 30, qwen3-micro",
    "score-0.5b": "4 answers of 6 for 8 contexts of 80, Qwen2.5-0.5B in bf16",
    "generate-1": "write 32 tokens after 64, Qwen2.5-0.5B in bf16",
    "generate-8": "8 times 16 tokens after 64, Qwen2.5-0.5B in bf16",
}


def _shape(model: str) -> ModelConfig:
    return find_shape(model, vocab_size=VOCAB).config


def _train(decoder: Decoder, task: TrainTask) -> float:
    draws = np.random.default_rng(0)
    common = draws.integers(0, VOCAB, int(task.shared))
    rows = []
    for _ in range(task.rows):
        # lengths as they are in practice: a quarter more or less
        size = round(task.tokens * draws.uniform(0.75, 1.25)) if not task.shared else task.tokens
        ids = np.concatenate([common, draws.integers(0, VOCAB, int(size) - len(common))])
        targets = np.arange(len(ids) - int(task.targets), len(ids))
        ones = np.ones(len(targets))
        rows.append(
            EncodedRow(ids, targets, ids[targets], ones.astype("f4"), ones.astype(bool), "row")
        )
    spec = AdaptSpec(
        method=task.method,
        epochs=task.epochs,
        batch_rows=task.batch_rows,
        accumulation=task.accumulation,
    )
    apply_method(decoder, task.method, 0)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        loop = Loop(
            decoder,
            rows,
            [],
            spec=spec,
            seed=0,
            objective=make_objective(spec),
            identity={},
            run_folder=run,
            store=CheckpointStore(run / "checkpoints"),
        )
        loop.run()
        return loop.totals.seconds


def _score(decoder: Decoder, task: ScoreTask) -> float:
    draws = np.random.default_rng(0)

    def ids(size: float) -> tuple[int, ...]:
        return tuple(draws.integers(0, VOCAB, int(size)).tolist())

    contexts = [ids(task.context) for _ in range(task.items)]
    requests = [(c, ids(task.answer)) for c in contexts for _ in range(task.choices)]
    start = time.perf_counter()
    score_requests(decoder, requests)
    return time.perf_counter() - start


def _generate(decoder: Decoder, task: GenerateTask) -> float:
    draws = np.random.default_rng(0)
    rows = [
        make_row(
            decoder.config,
            draws.integers(0, VOCAB, int(task.prompt)).tolist(),
            Sampling(temperature=0.0),
            Limits(max_tokens=task.new_tokens),
            lambda token: b"x",
        )
        for _ in range(task.requests)
    ]
    start = time.perf_counter()
    engine = Engine(decoder, speculate=False)  # guesses pay on real texts, how much is not known
    for row in rows:
        engine.submit(row)
    while engine.busy:
        engine.step()
    return time.perf_counter() - start


def work(name: str, folder: str) -> None:
    """Do a case; print its seconds."""
    _, dtype, task = CASES[name]
    decoder = load_decoder(Path(folder), dtype=dtype)
    decoder.eval()
    kinds: dict[type, Callable[..., float]] = {
        TrainTask: _train,
        ScoreTask: _score,
        GenerateTask: _generate,
    }
    print(json.dumps({"seconds": kinds[type(task)](decoder, task)}))


def _watched(command: list[object]) -> tuple[str, int]:
    done = watch(command)
    if done.returncode:
        raise SystemExit(f"failed: {' '.join(map(str, command))}\n{done.errors[-4000:]}")
    return done.output, done.peak_bytes


def compare_case(name: str, machine: Machine, root: Path) -> PredictionError:
    """Plan a case, then do it in a process of its own."""
    model, dtype, task = CASES[name]
    folder = root / model
    if not folder.exists():
        stored = torch.float32 if model in SCRATCH_PRESETS else torch.bfloat16
        save_decoder(init_decoder(_shape(model), 0, dtype=stored), folder)
    if isinstance(task, TrainTask) and not task.shared:
        task = replace(task, longest=1.22 * task.tokens)  # of 16 in 16 sorted together
    plan = make_plan(_shape(model), task, machine, dtype)
    output, peak = _watched([sys.executable, __file__, "--work", name, folder])
    seconds = json.loads(output.splitlines()[-1])["seconds"]
    return prediction_error(plan, {"seconds": seconds, "peak_bytes": peak})


def compare_command(machine: Machine, root: Path) -> PredictionError:
    """Plan `leitai train` of the example, then run it: with its data, tokenizer and validation."""
    run = root / "train"
    _, plan = plan_train_spec(EXAMPLE, machine)
    _, peak = _watched([sys.executable, "-m", "leitai", "train", EXAMPLE, "--out", run])
    steps = int(read_json(run / "result.json")["result"]["steps"])
    cost = read_json(run / "cost.json") | {"peak_bytes": peak}
    return prediction_error(plan, cost, steps=steps)


def markdown(parts: dict[str, Part]) -> str:
    """Return the table of all cases."""
    head = ("work", "planned, s", "took, s", "error", "planned, GB", "took, GB", "error")
    rows, notes = [], {}
    for name in (name for name in TITLES if name in parts):
        part = parts[name]
        found = [PredictionError(**error) for error in part["errors"]]
        rows.append(
            (
                TITLES[name],
                f"{median(e.planned_seconds for e in found):.3g}",
                f"{median(e.seconds for e in found):.3g}",
                spread([e.time_error for e in found], "+.0%"),
                f"{median(e.planned_bytes for e in found) / 1e9:.2f}",
                f"{median(e.peak_bytes for e in found) / 1e9:.2f}",
                spread([e.memory_error for e in found], "+.0%"),
            )
        )
        notes.setdefault(described(part), []).append(name)
    return "\n".join([grid(head, rows), "", *(f"- {', '.join(n)}: {t}" for t, n in notes.items())])


def main() -> None:
    """Measure and print, and perhaps keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(TITLES), default=list(TITLES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--save", action="store_true", help="keep the results and fill the page")
    arguments = parser.parse_args()
    for name in arguments.only:
        about = conditions(rounds=arguments.rounds)
        errors = []
        for _ in range(arguments.rounds):
            machine = measured_machine(anew=True)  # a shared machine is another one minutes later
            with tempfile.TemporaryDirectory(prefix="leitai-plan-") as root:
                work_on = compare_command if name == COMMAND else partial(compare_case, name)
                errors.append(work_on(machine, Path(root)))
            print(f"{name:12} {errors[-1]}", flush=True)
        if arguments.save:
            found = about | {"errors": [asdict(error) for error in errors]}
            fill("plan", markdown(keep("plan", {name: found})))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(*sys.argv[2:])
    else:
        main()
