"""Leitai against its peers: the same machine, weights and token ids, side by side.

    python benchmarks/peers.py            everything; prints the table (benchmarks/all.sh: how long)
    python benchmarks/peers.py --quick    a few minutes, for a look
    python benchmarks/peers.py --save     also keeps each case in benchmarks/results/peers.json and
                                          fills docs/performance.md, from one case to the next
    python benchmarks/peers.py --only lora-chat pairs --save
    python benchmarks/peers.py --render   fills docs/performance.md from what is kept

Each measurement is a process of its own, which loads, warms up and then measures. The sides take
turns: Leitai, peer, Leitai, peer. lm-eval and litgpt run in an environment of their own
(`make .venv-peers`, or --peers-python).
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

from agreement import compare
from cases import CASES, Case, Size
from material import write_jobs
from outside import watch
from page import Part, conditions, fill, keep, kept
from table import failures, markdown
from worker import SIDES

HERE = Path(__file__).resolve().parent
PEERS_PYTHON = HERE.parent / ".venv-peers" / "bin" / "python"
APART = ("lm-eval", "litgpt")  # sides whose packages the tests do not need
PACKAGES = {
    "transformers": ("transformers", "peft"),
    "Trainer": ("transformers",),
    "trl": ("trl", "transformers", "peft"),
    "litgpt": ("litgpt",),
    "lm-eval": ("lm_eval", "transformers"),
}
BUSY = 0.3  # of a core; above it the figures say little
QUICK_ROWS = 4  # of a training step

Result = dict[str, Any]


def _arguments() -> argparse.Namespace:
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="little work, one counted round")
    parser.add_argument("--rounds", type=int, help="counted rounds (3; with --quick 1)")
    parser.add_argument("--only", nargs="+", choices=names, metavar="CASE", help=", ".join(names))
    parser.add_argument("--against", nargs="+", choices=list(SIDES)[1:], help="these peers alone")
    parser.add_argument("--threads", type=int, help="threads of each side (as many as cores)")
    parser.add_argument("--peers-python", type=Path, default=PEERS_PYTHON)
    parser.add_argument("--save", action="store_true", help="keep the results and fill the page")
    parser.add_argument("--render", action="store_true", help="fill the page from what is kept")
    arguments = parser.parse_args()
    if arguments.save and (arguments.quick or arguments.against):
        parser.error("--save keeps full measurements alone: leave out --quick and --against")
    return arguments


def python_of(side: str, peers_python: Path) -> Path:
    """Return the interpreter that has a side's packages."""
    if side not in APART:
        return Path(sys.executable)
    if not peers_python.exists():
        raise SystemExit(f"{side} wants {peers_python}: `make .venv-peers`, or --peers-python")
    return peers_python


@cache
def versions(side: str, python: Path) -> dict[str, str]:
    """Ask a side's interpreter for the versions of its packages."""
    names = ("torch", *PACKAGES.get(side, ()))
    code = f"from importlib.metadata import version; print(*map(version, {names!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return dict(zip(names, done.stdout.split(), strict=True))


def measure(side: str, job: Path, threads: int, python: Path) -> Result:
    """Run one measurement in a process of its own.

    Raises:
        RuntimeError: the process failed; its last words are in the message.
    """
    result = job.with_suffix(".result")
    result.unlink(missing_ok=True)
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
    }
    done = watch([python, HERE / "worker.py", side, job, result], environment)
    if done.returncode:
        raise RuntimeError(f"{side} failed at {job.name}:\n{done.errors[-4000:]}")
    found: Result = json.loads(result.read_text(encoding="utf-8"))
    found["measures"]["peak_bytes"] = done.peak_bytes
    return found


def run_case(case: Case, job: Path, arguments: argparse.Namespace) -> Part:
    """Measure all sides in turns.

    Returns:
        The case's part of the results: for each side a list of values by measure, and how well the
        answers of the last round agree.
    """
    rounds = arguments.rounds or (1 if arguments.quick else 3)
    about = conditions(rounds, arguments.threads)
    peers = [p for p in case.peers if not arguments.against or p in arguments.against]
    found: dict[str, list[Result]] = {side: [] for side in ("leitai", *peers)}
    pythons = {side: python_of(side, arguments.peers_python) for side in found}
    for number in range(rounds):
        for side, results in found.items():
            result = measure(side, job, about["threads"], pythons[side])
            results.append(result)
            values = ", ".join(f"{k} {v:.4g}" for k, v in result["measures"].items())
            print(f"  round {number + 1} {side:7} {values}", file=sys.stderr, flush=True)
    last = {side: results[-1]["answers"] for side, results in found.items()}
    verdicts = {p: compare(case.kind, last["leitai"], last[p], case.dtype) for p in peers}
    return about | {
        "name": case.name,
        "title": case.title,
        "bar": case.bar,
        "versions": {
            name: number for side in found for name, number in versions(side, pythons[side]).items()
        },
        "agree": {peer: fine for peer, (fine, _) in verdicts.items()},
        "agreement": {peer: words for peer, (_, words) in verdicts.items()},
        "sides": {
            side: {name: [r["measures"][name] for r in results] for name in results[0]["measures"]}
            for side, results in found.items()
        },
    }


def chosen_cases(arguments: argparse.Namespace) -> dict[Case, Size]:
    """Return the cases that were asked for, with how much each does."""
    found: dict[Case, Size] = {}
    for case in CASES:
        named = arguments.only and case.name in arguments.only
        if arguments.only and not named:
            continue
        if not arguments.quick:
            found[case] = case.full
        elif case.quick or named:
            little = Size(min(case.full.warm, 1), min(case.full.counted, 2))
            found[case.shrunk(QUICK_ROWS)] = case.quick or little
    return found


def run(arguments: argparse.Namespace) -> dict[str, Part]:
    """Measure everything that was asked for; with --save, keep each case as soon as it is done."""
    if (load := os.getloadavg()[0]) > BUSY:
        print(f"warning: this machine is busy (load {load:.1f})", file=sys.stderr)
    start = time.perf_counter()
    parts: dict[str, Part] = {}
    with tempfile.TemporaryDirectory(prefix="leitai-bench-") as folder:
        for case, size in chosen_cases(arguments).items():
            print(f"{case.name} ({time.perf_counter() - start:.0f} s)", file=sys.stderr, flush=True)
            job = write_jobs({case: size}, Path(folder))[case.name]
            parts[case.name] = run_case(case, job, arguments)
            if arguments.save:
                fill("peers", markdown(keep("peers", {case.name: parts[case.name]})))
    return parts


def main() -> int:
    """Run, print and perhaps save; 1 when the sides did not do the same work."""
    arguments = _arguments()
    # An exception takes the measuring process and the weights on disk along; a plain end does not.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if arguments.render:
        fill("peers", markdown(kept("peers")))
        return 0
    parts = run(arguments)
    print(markdown(parts))
    wrong = failures(parts)
    if wrong:
        print(f"the sides differ: {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
