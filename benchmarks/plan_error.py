"""How far off plans are: real runs in processes of their own against what was planned for them.

    python benchmarks/plan_error.py [CASE ...]

Time is that of the work, model loading left out; memory is the largest resident size of the
process, read from outside (on Linux). With OMP_NUM_THREADS=1 on a busy machine, the time that the
work had a core to itself is shown as well.
"""

import contextlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from leitai.adapters import Full, apply_method
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
    Plan,
    ScoreTask,
    Task,
    TrainTask,
    find_shape,
    make_plan,
    measured_machine,
)
from leitai.planning.prediction import prediction_error
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
    begun = time.thread_time()
    seconds = kinds[type(task)](decoder, task)
    print(json.dumps({"seconds": seconds, "own_seconds": time.thread_time() - begun}))


def _actual(name: str, folder: Path) -> dict[str, float]:
    """Run a case in a process of its own and watch its memory from outside."""
    command = [sys.executable, __file__, "--work", name, str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdout is not None
        status, peak = Path(f"/proc/{child.pid}/status"), 0
        while child.poll() is None:
            # not the system's own figure at the end: that one begins with the parent's size
            with contextlib.suppress(OSError):
                found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
                peak = max(peak, int(found[1]) * 1024 if found else 0)
            time.sleep(0.02)
        output = child.stdout.read()
    if child.returncode:
        raise SystemExit(f"{name} failed; run: {' '.join(command)}")
    return json.loads(output.splitlines()[-1]) | {"peak_bytes": peak}


def main(names: list[str]) -> None:
    """Print planned, actual and error of the cases."""
    machine = measured_machine(anew="--measure" in names)
    names = [name for name in names if name != "--measure"] or list(CASES)
    folders: dict[str, Path] = {}
    with tempfile.TemporaryDirectory() as root:
        for name in names:
            model, dtype, task = CASES[name]
            if model not in folders:
                folders[model] = Path(root, model)
                stored = torch.float32 if model in SCRATCH_PRESETS else torch.bfloat16
                save_decoder(init_decoder(_shape(model), 0, dtype=stored), folders[model])
            if isinstance(task, TrainTask) and not task.shared:
                task = replace(task, longest=1.22 * task.tokens)  # of 16 in 16 sorted together
            plan: Plan = make_plan(_shape(model), task, machine, dtype)
            actual = _actual(name, folders[model])
            error = prediction_error(plan, actual)
            busy = f"; {actual['own_seconds']:.1f} s on its core" if machine.threads == 1 else ""
            print(f"{name:12} {error}{busy}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(*sys.argv[2:])
    else:
        main(sys.argv[1:])
