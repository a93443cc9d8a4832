"""The whole comparison on one accelerator: Leitai beside transformers + peft, Liger and vLLM.

    python benchmarks/gpu.py                        on one CUDA GPU; under eight minutes
    python benchmarks/gpu.py --only lora-qwen pairs
    python benchmarks/gpu.py --device cpu --quick   in little, to see that it runs

Each side does the works of one kind and model in a process of its own with a limit: importing and
loading take longer than the work. What is not installed is left out, what fails or takes too long
says so in the table, and at the end of `--minutes` the rest is left out.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from gpu_work import LIGER, OURS, PEER, VLLM, WORK, Work, job_of, make_model, shrunk

from leitai.base.machine import machine

HERE = Path(__file__).resolve().parent
NEEDS = {PEER: ("transformers", "peft"), LIGER: ("liger_kernel",), VLLM: ("vllm",)}
PACKAGES = ("torch", "triton", "transformers", "peft", "liger_kernel", "vllm")
START, EACH = 40.0, 30.0  # seconds that a process may take, and each of its works
STARTS = {VLLM: 120.0}  # it captures its graphs first

Result = dict[str, Any]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1 or cpu")
    parser.add_argument("--quick", action="store_true", help="tiny models and few turns")
    parser.add_argument("--minutes", type=float, default=7.5, help="for everything (7.5)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of counted turns each (4)")
    parser.add_argument("--only", nargs="+", choices=[w.name for w in WORK], metavar="WORK")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    return parser.parse_args()


def available(side: str) -> bool:
    """Whether what a side needs is installed."""
    return all(find_spec(name) is not None for name in NEEDS.get(side, ()))


def measure(side: str, jobs: list[Path], limit: float) -> list[Result]:
    """Run one side's works in a process of its own; a failure is a result too."""
    results = [job.with_suffix(".result") for job in jobs]
    for result in results:
        result.unlink(missing_ok=True)
    command = [sys.executable, str(HERE / "gpu_sides.py"), side, *map(str, jobs)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    failure = ""
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=limit, check=False
        )
        if done.returncode:
            print(done.stderr[-3000:], file=sys.stderr)
            failure = (done.stderr.strip().splitlines() or ["no message"])[-1][:120]
    except subprocess.TimeoutExpired:
        failure = f"more than {limit:.0f} s"
    return [
        json.loads(result.read_text(encoding="utf-8")) if result.exists() else {"failure": failure}
        for result in results
    ]


def agreement(kind: str, ours: Result, theirs: Result) -> str:
    """Say how near the answers of two sides are."""
    if "failure" in ours or "failure" in theirs:
        return ""
    a, b = ours["answers"][0], theirs["answers"][0]
    if kind == "train":
        return f"first loss within {abs(a - b) / abs(b):.0e}"
    if kind == "score":
        return f"log-probabilities within {max(abs(x - y) for x, y in zip(a, b, strict=True)):.2g}"
    pairs = [
        (x, y) for one, other in zip(a, b, strict=True) for x, y in zip(one, other, strict=True)
    ]
    return f"{sum(x == y for x, y in pairs)} of {len(pairs)} ids"


def lines(work: Work, found: dict[str, Result]) -> list[tuple[str, ...]]:
    """Return a work's lines of the table; the gain is Leitai's median by the side's."""
    own = found.get(OURS, {"failure": ""})
    rows = []
    for number, (side, result) in enumerate(found.items()):
        title = work.title if number == 0 else ""
        if "failure" in result:
            rows.append((title, side, result["failure"], "", "", ""))
            continue
        rates = result["rates"]
        speed = f"{median(rates):,.4g} {work.unit} ({min(rates):,.4g} to {max(rates):,.4g})"
        gain = agree = ""
        if side != OURS and "failure" not in own:
            gain = f"{median(own['rates']) / median(rates):.2f}"
            agree = agreement(work.kind, own, result)
        # vLLM's engine is a process of its own, and reserves what it is allowed to
        peak = "" if side == VLLM else f"{result['peak_bytes'] / 1e9:.2f}"
        rows.append((title, side, speed, peak, gain, agree))
    return rows


def header(device: str) -> list[str]:
    """Say on what this was measured."""
    import torch

    about = machine()
    where = f"{about['processor']}, {about['cores']} cores"
    if device.startswith("cuda"):
        card = torch.cuda.get_device_properties(device)
        where = f"{card.name}, {card.total_memory / 1e9:.0f} GB, CUDA {torch.version.cuda}; {where}"
    versions = [
        f"{name} {metadata.version(name)}" for name in ("leitai", *PACKAGES) if _installed(name)
    ]
    return [f"- machine: {where}", f"- versions: {', '.join(versions)}"]


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _groups(works: list[Work]) -> dict[tuple[str, str], list[Work]]:
    groups: dict[tuple[str, str], list[Work]] = {}
    for work in works:
        groups.setdefault((work.kind, work.shape), []).append(work)
    return groups


def main() -> int:
    """Measure and print; 1 when nothing could be measured."""
    arguments = _arguments()
    if arguments.device.startswith("cuda"):
        import torch

        if not torch.cuda.is_available():
            raise SystemExit("no CUDA device here; use --device cpu --quick to see that it runs")
    start = time.perf_counter()
    chosen = [work for work in WORK if not arguments.only or work.name in arguments.only]
    chosen = [*map(shrunk, chosen)] if arguments.quick else chosen
    settings = {
        "device": arguments.device,
        "seconds": 0.2 if arguments.quick else arguments.seconds,
        "warm": 1 if arguments.quick else 3,
        "counted": 2 if arguments.quick else 200,
        "steps": 3 if arguments.quick else 12,
    }
    figures: dict[str, dict[str, Result]] = {work.name: {} for work in chosen}
    with tempfile.TemporaryDirectory(prefix="leitai-gpu-") as folder:
        for (_, shape), group in _groups(chosen).items():
            model = Path(folder, shape)
            if not model.exists():
                make_model(shape, model, arguments.device)
            jobs = {work.name: Path(folder, f"{work.name}.json") for work in group}
            for work in group:
                job = job_of(work, model, settings)
                jobs[work.name].write_text(json.dumps(job), encoding="utf-8")
            for side in filter(available, dict.fromkeys(s for work in group for s in work.sides)):
                own = [work.name for work in group if side in work.sides]
                left = 60 * arguments.minutes - (time.perf_counter() - start)
                limit = min(STARTS.get(side, START) + EACH * len(own), left)
                found = (
                    measure(side, [jobs[name] for name in own], limit)
                    if limit > 5
                    else [{"failure": "no time left"}] * len(own)
                )
                for name, result in zip(own, found, strict=True):
                    figures[name][side] = result
                    words = result.get("failure") or f"{median(result['rates']):,.4g}"
                    clock = time.perf_counter() - start
                    print(f"{clock:4.0f} s {name}: {side}: {words}", file=sys.stderr, flush=True)
    table = [line for work in chosen for line in lines(work, figures[work.name])]
    minutes = (time.perf_counter() - start) / 60
    memory = "peak GB" if arguments.device.startswith("cuda") else "peak RSS, GB"
    head = ("work", "side", "median (lowest to highest)", memory, "gain", "agreement")
    rows = [head, tuple("---" for _ in head), *table]
    print("\n".join(header(arguments.device)))
    print(f"- {time.strftime('%Y-%m-%d')}, {minutes:.1f} minutes, weights random, bfloat16\n")
    print("\n".join("| " + " | ".join(cells) + " |" for cells in rows))
    if arguments.json:
        for sides in figures.values():
            for result in sides.values():
                result.pop("answers", None)
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0 if any("rates" in r for sides in figures.values() for r in sides.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
