"""Several processes that train one decoder, each with a part of every step.

Of the weights each has a part too, by FSDP2 (Zhao et al., arXiv 2304.11277;
`torch.distributed.fsdp.fully_shard`): each block's are gathered when it runs and given back after
it, gradients are summed where their part is kept. Or, where the weights cannot be parted, each has
all of them, and gradients are summed everywhere.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, Shard

from leitai.base import LeitaiError
from leitai.models import Decoder
from leitai.training.batches import Example
from leitai.training.ranks.alone import Ranks
from leitai.training.ranks.balance import balance

B = TypeVar("B")
E = TypeVar("E", bound=Example)

PATIENCE = timedelta(hours=2)  # that processes wait while the first writes a large model
_LEFT, _LEAVING_SECONDS = "leitai left", 30.0
_LOST = ("connection", "broken pipe", "gloo", "nccl", "peer", "socket", "timed out", "store")


class Group(Ranks):
    """The processes of one job; all call the same methods in the same order."""

    def __init__(self, device: str) -> None:
        """Find the others, as the environment says (`RANK`, `WORLD_SIZE`, `MASTER_ADDR`, ...)."""
        kind = torch.device(device).type
        if kind == "cuda":
            torch.cuda.set_device(_local_rank())
        dist.init_process_group("nccl" if kind == "cuda" else "gloo", timeout=PATIENCE)
        self.index, self.count = dist.get_rank(), dist.get_world_size()
        self._mesh = init_device_mesh(kind, (self.count,))
        self._kind = kind
        self._store = dist.distributed_c10d._get_default_store()
        self._texts = 0

    def failed(self, error: Exception) -> Exception | SystemExit:
        """Return what to end with: the error on the first process to fail, else a quiet exit."""
        code = error.exit_code if isinstance(error, LeitaiError) else LeitaiError.exit_code
        try:
            first = self._store.add("leitai failed", 1) == 1
        except Exception:  # the process that kept the store has gone, and has told why
            return SystemExit(code)
        if not first:
            return SystemExit(code)
        lost = isinstance(error, RuntimeError) and any(w in str(error).lower() for w in _LOST)
        if isinstance(error, OSError):
            return LeitaiError(f"cannot write ({error.strerror})", remedy="free some space")
        if lost and not isinstance(error, LeitaiError):
            return LeitaiError(
                "another process of this job has ended",
                remedy="run the same command again with --resume, on as many processes as you like",
            )
        return error

    def leave(self) -> None:
        """End the connections; the first process, which keeps the store, goes last."""
        self.wait()
        until = time.monotonic() + _LEAVING_SECONDS
        while self.first and self._store.add(_LEFT, 0) < self.count - 1:
            if time.monotonic() > until:
                break
            time.sleep(0.01)
        dist.destroy_process_group()
        if not self.first:
            self._store.add(_LEFT, 1)

    def wait(self) -> None:
        """See `Ranks.wait`."""
        self.total(0.0)

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """See `Ranks.in_turn`."""
        if not self.first:
            self.wait()
        yield
        if self.first:
            self.wait()

    def total(self, *values: float) -> list[float]:
        """See `Ranks.total`; added up in the order of the processes, so all have the same bits."""
        mine = torch.tensor(values, dtype=torch.float64, device=self._kind)
        found = [torch.empty_like(mine) for _ in range(self.count)]
        dist.all_gather(found, mine)
        total: list[float] = torch.stack(found).cpu().sum(dim=0).tolist()
        return total

    def agree(self, *flags: bool) -> list[bool]:
        """See `Ranks.agree`."""
        return [count > 0 for count in self.total(*map(float, flags))]

    def given(self, number: int) -> int:
        """See `Ranks.given`."""
        return int(self.total(number if self.first else 0)[0])

    def texts(self, text: str) -> str:
        """See `Ranks.texts`."""
        self._texts += 1
        self._store.set(f"leitai text {self._texts} {self.index}", text)
        keys = [f"leitai text {self._texts} {rank}" for rank in range(self.count)]
        return "\n".join(filter(None, (self._store.get(key).decode() for key in keys)))

    def part(self, decoder: Decoder, examples: Sequence[E]) -> Sequence[E]:
        """See `Ranks.part`."""
        return balance(examples, self.count, decoder.config)[self.index]

    def others(self, rows: Tensor) -> Tensor:
        """See `Ranks.others`."""
        counts = self.total(*(len(rows) * (rank == self.index) for rank in range(self.count)))
        padded = rows.new_zeros(int(max(counts)), *rows.shape[1:])
        padded[: len(rows)] = rows
        found = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(found, padded)
        del found[self.index], counts[self.index]
        return torch.cat([part[: int(count)] for part, count in zip(found, counts, strict=True)])

    def even(self, batches: Sequence[B], filler: Callable[[], B]) -> Iterator[tuple[B, bool]]:
        """See `Ranks.even`."""
        counts = self.total(*(len(batches) * (rank == self.index) for rank in range(self.count)))
        yield from ((batch, True) for batch in batches)
        for _ in range(int(max(counts)) - len(batches)):
            yield filler(), False

    def shard(self, decoder: Decoder, dtype: torch.dtype | None) -> None:
        """See `Ranks.shard`."""
        products = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32)
        policy = MixedPrecisionPolicy() if dtype is None else products
        for block in decoder.model.layers:
            fully_shard(block, mesh=self._mesh, mp_policy=policy, reshard_after_forward=True)
        # a lookup is no product: gradients of a frequent token would be added up in half precision;
        # the head, which may be the embedding, is read after the decoder's forward pass
        fully_shard(decoder.model.embed_tokens, mesh=self._mesh, reshard_after_forward=False)
        fully_shard(decoder, mesh=self._mesh, mp_policy=policy, reshard_after_forward=False)
        for module in _sharded(decoder):
            # losses are divided by the weight of all, so gradients are added, not averaged
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)
        self.divided = True

    def add_gradients(self, parameters: Mapping[str, nn.Parameter]) -> None:
        """See `Ranks.add_gradients`; every process gets the same bits."""
        if self.divided:
            return
        for parameter in parameters.values():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            dist.all_reduce(parameter.grad)

    def settle(self, decoder: Decoder) -> None:
        """See `Ranks.settle`."""
        for module in _sharded(decoder):
            module.reshard()

    def whole(self, tensor: Tensor) -> Tensor:
        """See `Ranks.whole`."""
        return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor

    def own(self, tensor: Tensor) -> Tensor | None:
        """See `Ranks.own`."""
        if isinstance(tensor, DTensor):
            return tensor.to_local()
        return tensor if self.first else None

    def like(self, parameter: nn.Parameter, tensor: Tensor) -> Tensor:
        """See `Ranks.like`."""
        if not isinstance(parameter, DTensor) or tensor.shape != parameter.shape:
            return super().like(parameter, tensor)
        parts = tensor.chunk(self.count)
        mine = parts[self.index] if self.index < len(parts) else tensor[:0]
        return DTensor.from_local(
            mine.to(parameter.device, copy=True),
            self._mesh,
            (Shard(0),),
            run_check=False,
            shape=tensor.shape,
            stride=tensor.stride(),
        )


def _sharded(decoder: Decoder) -> list[FSDPModule]:
    return [module for module in decoder.modules() if isinstance(module, FSDPModule)]


def _local_rank() -> int:
    return dist.get_node_local_rank(fallback_rank=0)
