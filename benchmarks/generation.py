"""Writing: Leitai's engine against transformers' `generate` and llama.cpp, in the same shape.

    python benchmarks/generation.py                    all cases, three rounds
    python benchmarks/generation.py --only streams8    one case
    python benchmarks/generation.py --save             keeps the cases and fills docs/performance.md
    python benchmarks/generation.py --llama-batched-bench PROGRAM --gguf FOLDER

Each measurement is a process of its own; the sides take turns. Weights are random in the shape of
Qwen2.5-0.5B, in bfloat16 unless a side's name says otherwise. transformers runs a static batch with
padding on the left, `sdpa` attention and its default cache, on the same weights and token ids.
llama.cpp's own benchmark writes as many tokens after as many prompts, all of the mean length, with
the files of FOLDER (`gguf_files.py`). Leitai runs as it is and without guesses, for text from
random weights repeats itself and so is guessed too easily: the fair ratio is that without.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import LARGE
from material import make_model
from measure import Watch
from page import Part, conditions, described, fill, grid, keep, spread

SIDES = ("leitai", "leitai, guessing", "transformers")
# llama.cpp's format of weights -> Leitai's
FORMATS = {"bf16": "bfloat16", "q8_0": "int8", "q4_0": "int4"}
SEED = 1
VOCABULARY = 150_000


@dataclass(frozen=True)
class Case:
    """One piece of writing.

    Attributes:
        title: how the table calls it.
        rows: requests at one time.
        shared: tokens that begin every prompt.
        own: tokens of a prompt after these, from half of it to the whole, all equally likely.
        new: tokens to write for each.
    """

    title: str
    rows: int
    shared: int
    own: int
    new: int


CASES = {
    "single": Case("one request, prompt of up to 64 tokens, 64 new", 1, 0, 64, 64),
    "streams8": Case("8 requests, prompts of 128 to 256 tokens, 64 new", 8, 0, 256, 64),
    "shared32": Case("32 requests that share 600 tokens, 32 new", 32, 600, 24, 32),
}


def prompts_of(case: Case) -> list[list[int]]:
    draws = np.random.default_rng(SEED)
    shared = draws.integers(VOCABULARY, size=case.shared).tolist()
    lengths = draws.integers(case.own // 2, case.own + 1, size=case.rows)
    return [shared + draws.integers(VOCABULARY, size=int(n)).tolist() for n in lengths]


def write_transformers(folder: Path, prompts: list[list[int]], new: int) -> dict[str, Any]:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.bfloat16, attn_implementation="sdpa"
    ).eval()
    model.generation_config.eos_token_id = None

    def write(rows: list[list[int]], count: int) -> list[list[int]]:
        width = max(map(len, rows))
        ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        with torch.inference_mode():
            out = model.generate(
                ids,
                attention_mask=mask,
                max_new_tokens=count,
                min_new_tokens=count,
                do_sample=False,
                pad_token_id=0,
            )
        found: list[list[int]] = out[:, width:].tolist()
        return found

    write([row[-8:] for row in prompts[:2]], 2)
    with Watch() as watch:
        ids = write(prompts, new)
    return {"seconds": watch.seconds, "ids": ids}


def write_leitai(
    folder: Path, prompts: list[list[int]], new: int, *, speculate: bool, dtype: str
) -> dict[str, Any]:
    import leitai
    from leitai.inference import Engine

    lm = leitai.load(str(folder), dtype=dtype)
    lm.stop_ids = ()
    lm.engine = Engine(lm.decoder, speculate=speculate)
    lm.complete([row[-8:] for row in prompts[:2]], max_tokens=2)
    with Watch() as watch:
        found = lm.complete(prompts, max_tokens=new)
    return {"seconds": watch.seconds, "ids": [one.ids for one in found]}


def write_llama_cpp(program: Path, weights: Path, case: Case, threads: int) -> dict[str, Any]:
    """Run llama.cpp's own measurement; its prompts are all of the mean length."""
    prompt = case.shared + case.own * 3 // 4
    options = {
        **{"-m": weights, "-t": threads, "-npp": prompt, "-ntg": case.new, "-npl": case.rows},
        **{"-c": case.rows * (prompt + case.new), "--output-format": "jsonl"},
    }
    command = [str(part) for option in options.items() for part in option]
    if case.shared:
        command.append("-pps")
    done = subprocess.run([str(program), *command], check=True, capture_output=True, text=True)
    found = next(json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    return {"seconds": found["t"], "ids": None}


def measure(side: str, folder: Path, case: Case) -> dict[str, Any]:
    """Run one side in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--folder", str(folder)]
    text = json.dumps(asdict(case))
    done = subprocess.run([*command, "--case", text], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def one_side(side: str, folder: Path, case: Case) -> None:
    """What the measured process does."""
    prompts = prompts_of(case)
    if side == "transformers":
        found = write_transformers(folder, prompts, case.new)
    else:
        dtype = next((d for d in FORMATS.values() if side.endswith(d)), "bfloat16")
        found = write_leitai(folder, prompts, case.new, speculate="guessing" in side, dtype=dtype)
    print(json.dumps(found))


def agreement(ours: list[list[int]] | None, theirs: list[list[int]] | None) -> str:
    """Say how many rows begin alike: bfloat16 decides near ties either way, then rows part."""
    if ours is None or theirs is None:
        return ""
    first = sum(a[0] == b[0] for a, b in zip(ours, theirs, strict=True))
    whole = sum(a == b for a, b in zip(ours, theirs, strict=True))
    return f"first token {first}/{len(ours)}, all {whole}/{len(ours)}"


def run_case(case: Case, folder: Path, arguments: argparse.Namespace) -> Part:
    """Measure all sides of a case in turns."""
    about = conditions(arguments.rounds)
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    program = arguments.llama_batched_bench
    if program:
        for theirs, ours in FORMATS.items():
            if ours != "bfloat16":
                found[f"leitai, {ours}"] = []
            found[f"llama.cpp, {theirs}"] = []
    for _ in range(arguments.rounds):
        for side, results in found.items():
            name, _, kind = side.partition(", ")
            if name == "llama.cpp":
                weights = arguments.gguf / f"{kind}.gguf"
                results.append(write_llama_cpp(program, weights, case, about["threads"]))
            else:
                results.append(measure(side, folder, case))
    reference = found["transformers"][-1]["ids"]
    return about | {
        "title": case.title,
        "tokens": case.rows * case.new,
        "seconds": {side: [r["seconds"] for r in results] for side, results in found.items()},
        "agreement": {
            side: agreement(results[-1]["ids"], reference)
            for side, results in found.items()
            if side in SIDES[:2]
        },
    }


def counterpart(side: str) -> str:
    """Return the side of Leitai that a side is held against: without guesses, the same format."""
    ours = FORMATS.get(side.removeprefix("llama.cpp, "), "bfloat16")
    return "leitai" if ours == "bfloat16" else f"leitai, {ours}"


def markdown(parts: dict[str, Part]) -> str:
    """Return the table of all cases."""
    head = ("work", "side", "seconds", "new tokens/s", "gain of Leitai", "ids as transformers'")
    rows = []
    for part in parts.values():
        for number, (side, seconds) in enumerate(part["seconds"].items()):
            ours = part["seconds"][counterpart(side)]
            gains = [b / a for a, b in zip(ours, seconds, strict=True)]
            rows.append(
                (
                    "" if number else part["title"],
                    side,
                    spread(seconds, ".2f"),
                    f"{part['tokens'] / statistics.median(seconds):.1f}",
                    "" if side.startswith("leitai") else spread(gains, ".2f"),
                    part["agreement"].get(side, ""),
                )
            )
    notes = [f"- {part['title']}: {described(part)}" for part in parts.values()]
    return "\n".join([grid(head, rows), "", *notes])


def main() -> None:
    """Measure and print, and perhaps keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=list(CASES), nargs="*", default=list(CASES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="8 new tokens, one round")
    parser.add_argument("--save", action="store_true", help="keep the results and fill the page")
    parser.add_argument("--folder", type=Path, help="where the weights are, or shall be kept")
    parser.add_argument("--llama-batched-bench", type=Path, metavar="PROGRAM")
    parser.add_argument("--gguf", type=Path, metavar="FOLDER")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        one_side(arguments.side, arguments.folder, Case(**json.loads(arguments.case)))
        return
    if arguments.llama_batched_bench and not arguments.gguf:
        parser.error("--llama-batched-bench wants --gguf")
    if arguments.save and arguments.quick:
        parser.error("--save keeps full measurements alone: leave out --quick")
    if arguments.quick:
        arguments.rounds = 1
    parts: dict[str, Part] = {}
    with tempfile.TemporaryDirectory(prefix="leitai-bench-") as temporary:
        folder = arguments.folder or Path(temporary) / LARGE
        if not folder.exists():
            make_model(LARGE, folder)
        for name in arguments.only:
            case = replace(CASES[name], new=8) if arguments.quick else CASES[name]
            parts[name] = run_case(case, folder, arguments)
            print(f"{markdown({name: parts[name]})}\n", flush=True)
            if arguments.save:
                fill("writing", markdown(keep("writing", {name: parts[name]})))


if __name__ == "__main__":
    main()
