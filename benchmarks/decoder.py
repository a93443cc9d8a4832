"""One stream through the decoder: prefill and decoding, beside what the machine can do.

    python benchmarks/decoder.py
    python benchmarks/decoder.py --llama-bench ./llama-bench --gguf FOLDER    # with llama.cpp
    python benchmarks/decoder.py ... --save    # also keeps the figures, fills docs/performance.md

Weights are random in the shape of Qwen2.5-0.5B. FOLDER holds the same shape as `bf16.gguf`,
`q8_0.gguf` and `q4_0.gguf` (`gguf_files.py`). The two sides take turns; a round is one run of
either.
"""

import argparse
import json
import subprocess
import time
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path

import torch
from cases import LARGE
from page import Part, conditions, described, fill, grid, keep, spread

from leitai.models import Decoder, KeyValueCache, init_decoder, preset
from leitai.models.quantized import quantize

PROMPT, NEW, PREFILL = 32, 64, 512
FORMATS = {"bf16": "bf16.gguf", "int8": "q8_0.gguf", "int4": "q4_0.gguf"}


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def product_rate() -> float:
    """Measure what bfloat16 matrix products reach, in FLOP/s."""
    x, w = torch.randn(2048, 896).bfloat16(), torch.randn(4864, 896).bfloat16()
    return 2 * 2048 * 896 * 4864 / min(seconds(lambda: x @ w.T) for _ in range(20))


def bandwidth() -> float:
    """Measure how fast memory is read, in B/s: the best of a few sums and dot products."""
    big = torch.ones(64_000_000)
    return 4 * len(big) / min(seconds(w) for w in (big.sum, lambda: big.dot(big)) for _ in range(6))


@torch.inference_mode()
def ours(decoder: Decoder) -> tuple[float, float]:
    """Return (tokens/s of a prefill, tokens/s of decoding)."""
    ids = torch.randint(0, 1000, (1, PREFILL))
    prefill = seconds(lambda: decoder.logits(decoder(ids)[:, -1]))
    cache = KeyValueCache(decoder.config, 1, capacity=PROMPT + NEW)
    token = decoder.logits(decoder(ids[:, :PROMPT], scope=cache)[:, -1]).argmax(-1)

    def write() -> None:
        nonlocal token
        for _ in range(NEW):
            token = decoder.logits(decoder(token[None], scope=cache)[:, -1]).argmax(-1)

    return PREFILL / prefill, NEW / seconds(write)


def theirs(program: Path, weights: Path) -> tuple[float, float]:
    """Ask llama-bench for the same two numbers."""
    threads = torch.get_num_threads()
    command = [program, "-m", weights, "-t", threads, "-p", PREFILL, "-n", NEW, "-r", 1]
    found = subprocess.run(
        [*map(str, command), "-o", "json"], capture_output=True, text=True, check=True
    )
    prefill, decode = (run["avg_ts"] for run in json.loads(found.stdout))
    return prefill, decode


def measure(name: str, arguments: argparse.Namespace) -> Part:
    """Measure one format of weights on both sides, in turns."""
    about = conditions(arguments.rounds, torch.get_num_threads())
    rate = product_rate()
    decoder = init_decoder(preset(LARGE), 1).bfloat16().eval()
    if name != "bf16":
        quantize(decoder, name)
    tensors = {t.data_ptr(): t for t in (*decoder.parameters(), *decoder.buffers())}
    weights = sum(t.nbytes for t in tensors.values())
    if name != "bf16":  # the embedding stays in bf16 beside the head and is hardly read
        weights -= decoder.model.embed_tokens.weight.nbytes
    ours(decoder)
    mine, others, read = [], [], []
    for _ in range(arguments.rounds):
        before = bandwidth()
        mine.append(ours(decoder))
        read.append(max(before, bandwidth()))
        if arguments.llama_bench:
            others.append(theirs(arguments.llama_bench, arguments.gguf / FORMATS[name]))
    return about | {
        "rate": rate,
        "bandwidth": read,
        "weights": weights,
        "shares": [decode * weights / speed for (_, decode), speed in zip(mine, read, strict=True)],
        "leitai": mine,
        "llama.cpp": others,
    }


def markdown(parts: dict[str, Part]) -> str:
    """Return the table of all formats."""
    head = (
        *("weights", f"prefill of {PREFILL}, Leitai", "llama.cpp", "gain"),
        *(f"decode {NEW}, Leitai", "llama.cpp", "gain", "share of the bandwidth"),
    )
    rows, notes = [], []
    for name, part in parts.items():
        cells = []
        for mine, other in zip_longest(
            zip(*part["leitai"], strict=True), zip(*part["llama.cpp"], strict=True)
        ):
            gain = spread([a / b for a, b in zip(mine, other, strict=True)], ".2f") if other else ""
            cells += [spread(list(mine)), spread(list(other)) if other else "", gain]
        rows.append((f"{name} / {Path(FORMATS[name]).stem}", *cells, spread(part["shares"], ".0%")))
        notes.append(
            f"- {name}: {part['weights'] / 1e6:.0f} MB; bf16 products {part['rate'] / 1e9:.0f} "
            f"GFLOP/s, reading {spread([b / 1e9 for b in part['bandwidth']])} GB/s; "
            f"{described(part)}"
        )
    return "\n".join([grid(head, rows), "", *notes])


def main() -> None:
    """Measure and print, and perhaps keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(FORMATS), default=list(FORMATS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--llama-bench", type=Path)
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--save", action="store_true", help="keep the results and fill the page")
    arguments = parser.parse_args()
    for name in arguments.only:
        part = measure(name, arguments)
        print(f"{markdown({name: part})}\n", flush=True)
        if arguments.save:
            fill("decoder", markdown(keep("decoder", {name: part})))


if __name__ == "__main__":
    main()
