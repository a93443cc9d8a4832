"""One stream through the decoder: prefill and decoding, beside what the machine can do.

    python benchmarks/decoder.py
    python benchmarks/decoder.py --llama-bench ./llama-bench --gguf FOLDER    # with llama.cpp

Weights are random in the shape of Qwen2.5-0.5B. FOLDER holds the same shape as `bf16.gguf`,
`q8_0.gguf` and `q4_0.gguf`. The two sides take turns; a round is one run of either.
"""

import argparse
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from cases import LARGE

from leitai.models import Decoder, KeyValueCache, init_decoder, preset
from leitai.models.quantized import quantize

PROMPT, NEW, PREFILL = 32, 64, 512
FORMATS = {"bf16": "bf16.gguf", "int8": "q8_0.gguf", "int4": "q4_0.gguf"}


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ceilings() -> tuple[float, float]:
    """Measure the bfloat16 matrix products' rate (FLOP/s) and the read bandwidth (B/s)."""
    x, w = torch.randn(2048, 896).bfloat16(), torch.randn(4864, 896).bfloat16()
    rate = 2 * 2048 * 896 * 4864 / min(seconds(lambda: x @ w.T) for _ in range(20))
    big = torch.ones(64_000_000)
    return rate, 4 * len(big) / min(seconds(big.sum) for _ in range(10))


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
    command = [program, "-m", weights, "-t", "2", "-p", str(PREFILL), "-n", str(NEW), "-r", "1"]
    found = subprocess.run(
        [*map(str, command), "-o", "json"], capture_output=True, text=True, check=True
    )
    prefill, decode = (run["avg_ts"] for run in json.loads(found.stdout))
    return prefill, decode


def show(values: list[float]) -> str:
    """Print a median with its spread."""
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--llama-bench", type=Path)
    parser.add_argument("--gguf", type=Path)
    arguments = parser.parse_args()
    rate, bandwidth = ceilings()
    print(f"bf16 products {rate / 1e9:.0f} GFLOP/s, reading {bandwidth / 1e9:.1f} GB/s")
    for name, file in FORMATS.items():
        decoder = init_decoder(preset(LARGE), 1).bfloat16().eval()
        if name != "bf16":
            quantize(decoder, name)
        tensors = {t.data_ptr(): t for t in (*decoder.parameters(), *decoder.buffers())}
        weights = sum(t.nbytes for t in tensors.values())
        if name != "bf16":  # the embedding stays in bf16 beside the head and is hardly read
            weights -= decoder.model.embed_tokens.weight.nbytes
        ours(decoder)
        found: dict[str, list[tuple[float, float]]] = {"Leitai": [], "llama.cpp": []}
        for _ in range(arguments.rounds):
            found["Leitai"].append(ours(decoder))
            if arguments.llama_bench:
                found["llama.cpp"].append(theirs(arguments.llama_bench, arguments.gguf / file))
        for side, pairs in found.items():
            if pairs:
                prefill, decode = map(list, zip(*pairs, strict=True))
                print(f"{name} {side}: prefill {show(prefill)}, decode {show(decode)} tokens/s")
        share = median(d for _, d in found["Leitai"]) * weights / bandwidth
        print(f"{name} weights {weights / 1e6:.0f} MB, {share:.0%} of the bandwidth", flush=True)


if __name__ == "__main__":
    main()
