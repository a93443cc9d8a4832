"""Leitai against transformers + peft: the same machine, weights and token ids, side by side.

    python benchmarks/peers.py            about ten minutes on two cores; prints the table
    python benchmarks/peers.py --quick    under two minutes, for a look
    python benchmarks/peers.py --save     also writes benchmarks/results/ and docs/performance.md
    python benchmarks/peers.py --render FILE    writes docs/performance.md from earlier results

Each measurement is a process of its own, which loads, warms up and then measures. The two sides
take turns: Leitai, peer, Leitai, peer.
"""

import argparse
import json
import os
import platform
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from agreement import compare
from cases import CASES, Case
from material import write_jobs
from table import fill, markdown
from worker import SIDES

import leitai
from leitai.base.files import read_json, write_json
from leitai.base.machine import machine

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "peers.json"
PAGE = HERE.parent / "docs" / "performance.md"
PACKAGES = ("torch", "transformers", "peft", "numpy", "safetensors")
BUSY = 0.3  # of a core; above it the figures say little

Result = dict[str, Any]


def _arguments() -> argparse.Namespace:
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="little work, one counted round")
    parser.add_argument("--rounds", type=int, help="counted rounds (3; with --quick 1)")
    parser.add_argument("--only", nargs="+", choices=names, metavar="CASE", help=", ".join(names))
    parser.add_argument("--threads", type=int, help="threads of each side (as many as cores)")
    parser.add_argument("--save", action="store_true", help="keep the results and fill the page")
    parser.add_argument("--render", type=Path, metavar="FILE", help="fill the page from results")
    arguments = parser.parse_args()
    if arguments.save and arguments.quick:
        parser.error("--save keeps full measurements alone: leave out --quick")
    return arguments


def measure(side: str, job: Path, threads: int) -> Result:
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
    done = subprocess.run(
        [sys.executable, str(HERE / "worker.py"), side, str(job), str(result)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{side} failed at {job.name}:\n{done.stderr[-4000:]}")
    found: Result = json.loads(result.read_text(encoding="utf-8"))
    return found


def run_case(case: Case, job: Path, *, rounds: int, threads: int) -> Result:
    """Measure both sides in turns.

    Returns:
        The case's line of the results: for each side a list of values by measure, and how well the
        answers of the last round agree.
    """
    found: dict[str, list[Result]] = {side: [] for side in SIDES}
    for number in range(rounds):
        for side in SIDES:
            result = measure(side, job, threads)
            found[side].append(result)
            values = ", ".join(f"{k} {v:.4g}" for k, v in result["measures"].items())
            print(f"  round {number + 1} {side:7} {values}", file=sys.stderr, flush=True)
    agree, words = compare(case.kind, *(found[side][-1]["answers"] for side in SIDES), case.dtype)
    values = {
        side: {
            name: [result["measures"][name] for result in results]
            for name in results[0]["measures"]
        }
        for side, results in found.items()
    }
    return {"name": case.name, "title": case.title, "agree": agree, "agreement": words, **values}


def run(arguments: argparse.Namespace) -> Result:
    """Measure everything that was asked for."""
    chosen = [case for case in CASES if not arguments.only or case.name in arguments.only]
    sizes = {case: case.quick if arguments.quick else case.full for case in chosen}
    cases = {case: size for case, size in sizes.items() if size is not None}
    if not cases:
        raise SystemExit("these cases take too long for --quick; leave it out")
    rounds = arguments.rounds or (1 if arguments.quick else 3)
    about = machine()
    threads = arguments.threads or about["cores"]
    load_before = os.getloadavg()[0]
    if load_before > BUSY:
        print(f"warning: this machine is busy (load {load_before:.1f})", file=sys.stderr)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="leitai-bench-") as folder:
        print("making weights and token ids", file=sys.stderr, flush=True)
        jobs = write_jobs(cases, Path(folder))
        lines = []
        for case in cases:
            print(f"{case.name} ({time.perf_counter() - start:.0f} s)", file=sys.stderr, flush=True)
            lines.append(run_case(case, jobs[case.name], rounds=rounds, threads=threads))
    return {
        "schema": "leitai.benchmark/1",
        "date": time.strftime("%Y-%m-%d"),
        "command": shlex.join(["python", "benchmarks/peers.py", *sys.argv[1:]]),
        "machine": about,
        "threads": threads,
        "versions": {"leitai": leitai.__version__, "python": platform.python_version()}
        | {name: metadata.version(name) for name in PACKAGES},
        "rounds": rounds,
        "load_before": load_before,
        "seconds": time.perf_counter() - start,
        "cases": lines,
    }


def main() -> int:
    """Run, print and perhaps save; 1 when the two sides did not do the same work."""
    arguments = _arguments()
    # An exception takes the measuring process and the weights on disk along; a plain end does not.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if arguments.render:
        fill(PAGE, read_json(arguments.render))
        return 0
    results = run(arguments)
    print(markdown(results))
    if arguments.save:
        write_json(RESULTS, results)
        fill(PAGE, results)
    wrong = [
        f"{case['name']} ({case['agreement']})" for case in results["cases"] if not case["agree"]
    ]
    if wrong:
        print(f"the two sides differ: {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
