"""Run the engine for a long time under random load and watch its memory.

    python benchmarks/soak.py --minutes 20

Requests arrive, have lengths, common beginnings and limits, and are cancelled, all at random from a
seed. Every few seconds a line tells what was done, resident memory, and the blocks in use. At the
end every block must be held by the prefix tree or be free, and resident memory may have grown
after the first quarter by no more than `--allowed` MB.
"""

import argparse
import gc
import random
import sys
import time
from pathlib import Path

from leitai.inference import Engine, Handle
from leitai.inference.generation import Limits, make_row
from leitai.inference.kv_pool import block_bytes
from leitai.inference.sampler import Sampling
from leitai.models import init_decoder, scratch_config

BLOCKS = 400
VOCABULARY = 2_000
REPORT_SECONDS = 5.0


def resident_mb() -> float:
    """Memory of this process that is in RAM now, in MB."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


class Load:
    """Random work for an engine.

    Attributes:
        engine: what is under load.
        submitted: requests so far.
        cancelled: cancellations so far.
        tokens: tokens written by requests that are done.
    """

    def __init__(self, seed: int) -> None:
        """Make a small model and an engine whose memory is short."""
        config = scratch_config("qwen3-nano", VOCABULARY)
        decoder = init_decoder(config, seed).eval()
        self.engine = Engine(
            decoder, cache_bytes=BLOCKS * block_bytes(config, decoder.dtype), rows=24
        )
        self.submitted = self.cancelled = self.tokens = 0
        self._draws = random.Random(seed)
        self._config = config
        self._beginnings = [self._ids(self._draws.randint(20, 300)) for _ in range(6)]
        self._open: list[Handle] = []

    def step(self) -> None:
        """Let something happen, then make one pass."""
        draws = self._draws
        if len(self._open) < 60 and draws.random() < 0.4:
            self._open.append(self._submit())
        if self._open and draws.random() < 0.05:
            self.engine.cancel(draws.choice(self._open))
            self.cancelled += 1
        if draws.random() < 0.001:
            self._beginnings[draws.randrange(6)] = self._ids(draws.randint(20, 300))
        self.engine.step()
        self.tokens += sum(len(handle.row.ids) for handle in self._open if handle.done)
        self._open = [handle for handle in self._open if not handle.done]

    def finish(self) -> None:
        """Let all requests come to their ends."""
        while self.engine.busy:
            self.engine.step()

    def leak(self) -> int:
        """Return how many blocks are in use by nobody that could be named."""
        _, used, known = self.engine.memory()
        return used - known

    def _ids(self, count: int) -> list[int]:
        return [self._draws.randrange(VOCABULARY) for _ in range(count)]

    def _submit(self) -> Handle:
        draws = self._draws
        prompt = self._ids(draws.randint(1, 200))
        if draws.random() < 0.7:
            prompt = draws.choice(self._beginnings) + prompt
        sampling = Sampling(temperature=draws.choice([0.0, 1.0]), seed=draws.randrange(100))
        limits = Limits(max_tokens=draws.randint(1, 300))
        self.submitted += 1
        return self.engine.submit(
            make_row(self._config, prompt, sampling, limits, lambda token: b"a")
        )


def soak(seconds: float, seed: int, *, report: float = REPORT_SECONDS) -> tuple[Load, list[float]]:
    """Run the load.

    Returns:
        The load, finished, and resident memory in MB at each report.
    """
    load, memory = Load(seed), []
    start = time.monotonic()
    due = start + report
    while (now := time.monotonic()) < start + seconds:
        load.step()
        if now >= due:
            due += report
            gc.collect()
            memory.append(resident_mb())
            blocks, used, known = load.engine.memory()
            print(
                f"{now - start:6.0f} s  {load.submitted} requests, {load.cancelled} cancelled, "
                f"{load.tokens} tokens, resident {memory[-1]:.1f} MB, "
                f"blocks {used}/{blocks}, in the tree {known}",
                flush=True,
            )
    load.finish()
    return load, memory


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--allowed", type=float, default=16.0, help="MB of growth")
    arguments = parser.parse_args()
    load, memory = soak(60 * arguments.minutes, arguments.seed)
    growth = max(memory[-3:]) - max(memory[: max(1, len(memory) // 4)])
    print(f"blocks lost: {load.leak()}, resident memory grew by {growth:.1f} MB")
    return int(load.leak() != 0 or growth > arguments.allowed)


if __name__ == "__main__":
    sys.exit(main())
