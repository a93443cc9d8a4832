"""Times of what a model is made of: products, attention, reading; and the block to be timed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from leitai.adapters import apply_method
from leitai.adapters.cost import Method
from leitai.kernels.packed import PackedWeight
from leitai.models import Decoder, ModelConfig, init_decoder, scratch_config
from leitai.training.batches import Batch, EncodedRow, collate

ROWS, WIDTHS = (1, 8, 64, 512), (128, 512, 2048)
_STREAM_BYTES = 192 << 20
ROW_TOKENS = 64
_BANK_BYTES, _MOST_COPIES, _FEW_ROWS = 48 << 20, 100, 8
_REPEAT_SECONDS, _MOST_REPEATS = 0.03, 20

Multiply = Callable[[Tensor, Tensor | None], Tensor]


def probe_config() -> ModelConfig:
    """One block of middle size: tensors do not fit the caches, products are quick."""
    return replace(
        scratch_config("llama3-micro", 512),
        hidden_size=512,
        num_hidden_layers=1,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=64,
        intermediate_size=1792,
    )


def small_config() -> ModelConfig:
    """A model whose products take little of its time."""
    return scratch_config("llama3-nano", 512)


class Probe:
    """Takes the times on one device."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def seconds(self, work: Callable[[], object], *, repeats: int = 3) -> float:
        """Return the shortest time of a piece of work after a first one that warms up.

        Short work is repeated more often: on a busy machine most of its runs are interrupted.
        """
        # What other programs take of a core is no property of the machine. With one thread of our
        # own that can be told apart; with more, waiting for one another is work too.
        alone = self.device.type == "cpu" and torch.get_num_threads() == 1
        clock = time.thread_time if alone else time.perf_counter
        best, began = float("inf"), clock()
        for turn in range(_MOST_REPEATS):
            self._wait()
            start = clock()
            work()
            self._wait()
            now = clock()
            if turn:
                best = min(best, now - start)
            if turn >= repeats and now - began > _REPEAT_SECONDS:
                break
        return best

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def random(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Return numbers that are not special to the arithmetic."""
        return torch.rand(shape, device=self.device).sub_(0.5).to(dtype)

    def products(self, dtype: torch.dtype, *, packed: bool = False) -> list[list[float]]:
        """Time matrix products as linear layers do them, or those with packed weights.

        Few rows are bound by reading the weights, which come from memory as in a model: several
        weights take turns.
        """
        bank = self.random(_BANK_BYTES // dtype.itemsize, dtype=dtype)
        found = []
        for width in WIDTHS:
            copies = min(_MOST_COPIES, len(bank) // width**2)
            weights = list(bank[: copies * width**2].view(copies, width, width))
            for rows in ROWS:
                x = self.random(rows, width, dtype=dtype)
                turns = weights if rows <= _FEW_ROWS else weights[:1]
                multiply = [
                    PackedWeight(weight, rows).product if packed else partial(_multiply, weight)
                    for weight in turns
                ]

                def work(x: Tensor = x, multiply: Sequence[Multiply] = multiply) -> None:
                    for product in multiply:
                        product(x, None)

                took = self.seconds(work, repeats=2) / len(turns)
                found.append([rows, width, 2 * rows * width * width / took])
        return found

    def stream(self) -> float:
        """Read memory that no cache holds; bytes a second."""
        block = torch.ones(_STREAM_BYTES // 4, device=self.device)
        return _STREAM_BYTES / self.seconds(block.sum, repeats=2)

    def attention(self, dtype: torch.dtype, *, training: bool, tokens: int = 512) -> float:
        """Seconds of causal attention over so many tokens."""
        heads, size = 8, 64
        q, k, v = (
            self.random(1, heads, tokens, size, dtype=dtype).requires_grad_(training)
            for _ in range(3)
        )

        def work() -> None:
            out = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            if training:
                torch.autograd.backward(out, out.detach())

        return self.seconds(work)

    def attention_rate(self, dtype: torch.dtype, *, training: bool) -> float:
        """FLOPs a second of attention over the causal half of 512 tokens."""
        pairs, width = 512 * 513 / 2, 8 * 64
        return (14 if training else 4) * width * pairs / self.attention(dtype, training=training)

    def decoder(
        self,
        dtype: torch.dtype,
        method: Method | None = None,
        config: ModelConfig | None = None,
    ) -> Decoder:
        """Return what is to be timed: the block of middle size, or another model."""
        config = config or probe_config()
        decoder = init_decoder(config, 0, dtype=dtype, device=self.device)
        if method is None:
            return decoder.eval()
        apply_method(decoder, method, 0)
        return decoder.train()

    def batch(self, tokens: int) -> Batch:
        """Rows to train on, of `tokens` tokens together; all are read: no block is spared work."""
        draws = np.random.default_rng(0)
        size = min(tokens, ROW_TOKENS)
        rows = [
            EncodedRow(
                ids=draws.integers(0, 512, size + 1),
                targets=np.arange(1, size + 1),
                labels=np.zeros(size, dtype=np.int64),
                weights=np.ones(size, dtype=np.float32),
                answer=np.ones(size, dtype=bool),
                source="",
            )
            for _ in range(tokens // size)
        ]
        return collate(rows, str(self.device))


def _multiply(weight: Tensor, x: Tensor, bias: Tensor | None) -> Tensor:
    return torch.nn.functional.linear(x, weight, bias)
