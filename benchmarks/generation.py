"""Writing: Leitai's engine against transformers' `generate`, on the same weights and token ids.

    python benchmarks/generation.py                    all cases, three rounds
    python benchmarks/generation.py --only streams8    one case
    python benchmarks/generation.py --rounds 1

Each measurement is a process of its own; the sides take turns. Weights are random in the shape of
Qwen2.5-0.5B, in bfloat16 on both sides. transformers runs a static batch with padding on the left,
`sdpa` attention and its default cache. Leitai runs twice: as it is, and without guesses, for text
from random weights repeats itself and so is guessed too easily: the fair ratio is that without.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import LARGE
from material import make_model
from measure import Watch

SIDES = ("transformers", "leitai", "leitai-guessing")
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
    "streams8": Case("8 requests, prompts of up to 256 tokens, 64 new", 8, 0, 256, 64),
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
    folder: Path, prompts: list[list[int]], new: int, *, speculate: bool
) -> dict[str, Any]:
    import leitai
    from leitai.inference import Engine

    lm = leitai.load(folder, dtype="bfloat16")
    lm.stop_ids = ()
    lm.engine = Engine(lm.decoder, speculate=speculate)
    lm.complete([row[-8:] for row in prompts[:2]], max_tokens=2)
    with Watch() as watch:
        found = lm.complete(prompts, max_tokens=new)
    return {"seconds": watch.seconds, "ids": [one.ids for one in found]}


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
        found = write_leitai(folder, prompts, case.new, speculate=side == "leitai-guessing")
    print(json.dumps(found))


def agreement(ours: list[list[int]], theirs: list[list[int]]) -> str:
    """Say how many rows begin alike: bfloat16 decides near ties either way, then rows part."""
    first = sum(a[0] == b[0] for a, b in zip(ours, theirs, strict=True))
    whole = sum(a == b for a, b in zip(ours, theirs, strict=True))
    return f"first token {first}/{len(ours)}, all {whole}/{len(ours)}"


def run(names: list[str], rounds: int, folder: Path) -> None:
    print("| case | side | seconds (median) | new tokens/s | times transformers | ids |")
    print("|---|---|---|---|---|---|")
    for name in names:
        case = CASES[name]
        results: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
        for _ in range(rounds):
            for side in SIDES:
                results[side].append(measure(side, folder, case))
        seconds = {
            s: statistics.median(r["seconds"] for r in found) for s, found in results.items()
        }
        for side in SIDES:
            same = agreement(results[side][-1]["ids"], results[SIDES[0]][-1]["ids"])
            print(
                f"| {case.title} | {side} | {seconds[side]:.2f} | "
                f"{case.rows * case.new / seconds[side]:.1f} | "
                f"{seconds[SIDES[0]] / seconds[side]:.2f} | {same} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(CASES), nargs="*", default=list(CASES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the weights are, or shall be kept")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        one_side(arguments.side, arguments.folder, Case(**json.loads(arguments.case)))
        return
    with tempfile.TemporaryDirectory(prefix="leitai-bench-") as temporary:
        folder = arguments.folder or Path(temporary) / LARGE
        if not folder.exists():
            make_model(LARGE, folder)
        run(arguments.only, arguments.rounds, folder)


if __name__ == "__main__":
    main()
