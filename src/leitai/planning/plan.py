"""The forecast: how much memory, how many operations and how long, before anything is fetched."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from leitai.adapters import cost
from leitai.base import LeitaiError
from leitai.forest.forest import DENSE
from leitai.inference.kv_pool import BLOCK_TOKENS, blocks_for
from leitai.inference.scheduler import CACHE_BYTES, CHUNK, ROWS
from leitai.inference.scoring import LOGIT_BYTES, LOGIT_ROWS, TOKEN_BUDGET
from leitai.kernels.matvec import MOST_VECTORS
from leitai.models.config import ModelConfig
from leitai.models.presets import parameter_count
from leitai.planning.machine import Machine
from leitai.planning.memory import serving_memory, training_memory
from leitai.planning.products import compute_dtype, forward_products, head_products, seconds_of
from leitai.planning.tasks import GenerateTask, ScoreTask, Task, TrainTask
from leitai.planning.training import training_seconds
from leitai.planning.words import duration, gigabytes
from leitai.training.dividing import weights_divide
from leitai.training.memory import enough_tokens, needs_checkpointing

GPU_CONTEXT_BYTES = 500 << 20
"""What CUDA and its libraries take of an accelerator's memory before anything is put there."""


@dataclass(frozen=True)
class Checkpointing:
    """Training with its activations kept, and with them recomputed.

    Attributes:
        used: what the plan is for.
        chosen: whether "auto" would recompute them.
        peak_bytes: with them recomputed.
        peak_bytes_without: with them kept.
        extra_time: that recomputing takes, as a fraction of the time without.
    """

    used: bool
    chosen: bool
    peak_bytes: int
    peak_bytes_without: int
    extra_time: float

    @property
    def sentence(self) -> str:
        """Both in one sentence."""
        because = "the memory would not do" if self.chosen else "the memory suffices"
        return (
            f"activation checkpointing {'on' if self.used else 'off'}: with it "
            f"{gigabytes(self.peak_bytes)} and {100 * self.extra_time:.0f} % more time, without "
            f"{gigabytes(self.peak_bytes_without)}; "
            f'"auto" is {"on" if self.chosen else "off"}, since {because} without it'
        )


@dataclass(frozen=True)
class Plan:
    """What a task will take.

    Attributes:
        task: "train", "score" or "generate".
        parameters: of the model.
        trainable: numbers that are trained.
        memory: bytes at the peak, by part.
        memory_limit: bytes that the device has.
        flops: floating-point operations.
        time: seconds, by part.
        tokens: read or written; what tokens a second count.
        steps: of training, or of writing; passes of scoring.
        checkpointing: of activations; None unless it trains.
    """

    task: str
    parameters: int
    trainable: int
    memory: dict[str, int]
    memory_limit: int
    flops: float
    time: dict[str, float]
    tokens: float
    steps: int
    checkpointing: Checkpointing | None = None

    @property
    def peak_bytes(self) -> int:
        """Memory at the peak."""
        return sum(self.memory.values())

    @property
    def seconds(self) -> float:
        """Time of the whole task; loading the model is left out."""
        return sum(self.time.values())

    @property
    def tokens_per_second(self) -> float:
        """Tokens a second."""
        return self.tokens / self.seconds

    @property
    def fits(self) -> bool:
        """Whether the device has the memory."""
        return self.peak_bytes <= self.memory_limit

    @property
    def sentence(self) -> str:
        """The plan in one sentence."""
        verdict = "fits" if self.fits else "does not fit"
        needed, limit = self.peak_bytes / 1e9, self.memory_limit / 1e9
        return (
            f"{verdict}: {needed:.{1 if needed >= 1 else 2}f} of {limit:.0f} GB; "
            f"about {duration(self.seconds)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        return asdict(self) | {
            "peak_bytes": self.peak_bytes,
            "seconds": self.seconds,
            "tokens_per_second": self.tokens_per_second,
            "fits": self.fits,
            "sentence": self.sentence,
        }


def make_plan(config: ModelConfig, task: Task, machine: Machine, dtype: str = "float32") -> Plan:
    """Forecast a task.

    Time is a roofline (Williams et al., CACM 52, 2009): each matrix product takes its arithmetic at
    the measured rate of its shape, or the reading of its weights, whichever is longer; what a block
    costs beyond that was measured on the engine itself (`probe.py`).

    Args:
        config: the architecture.
        task: what is to be done.
        machine: where.
        dtype: of the weights; under `Full` and `Freeze` that of the products of training.

    Raises:
        LeitaiError: a sequence is longer than the model's context.
    """
    if task.sequence > config.max_position_embeddings:
        raise LeitaiError(
            f"a sequence of {task.sequence:,.0f} tokens does not fit into the model's context of "
            f"{config.max_position_embeddings:,}",
            where="plan",
            remedy="use fewer tokens, or a model with a longer context",
        )
    if isinstance(task, TrainTask):
        return _plan_training(config, task, machine, compute_dtype(task.method, dtype))
    if isinstance(task, ScoreTask):
        return _plan_scoring(config, task, machine, dtype)
    return _plan_writing(config, task, machine, dtype)


def _base(machine: Machine, *, training: bool = False) -> dict[str, int]:
    if machine.device != "cpu":
        return {"program": GPU_CONTEXT_BYTES}
    return {"program": machine.trainer_bytes if training else machine.process_bytes}


def _plan_training(config: ModelConfig, task: TrainTask, machine: Machine, dtype: str) -> Plan:
    apart = task.ranks > 1 and weights_divide(task.method, dtype)
    if machine.device == "cpu" and not apart:
        enough = enough_tokens(config, task.method, dtype, native=machine.native)
        task = replace(task, enough=enough)
    read = task.steps * task.window
    computed = task.steps * task.unique(task.micro_rows) * task.window / task.micro_rows
    flops = computed * cost.linear_training_flops(config, task.method)
    flops += cost.attention_flops(config, task.pairs(task.micro_rows), backward=True) * (
        read / task.micro_rows
    )
    flops += cost.head_flops(config, read * task.targets, method=task.method)
    unread = max(0.0, computed - read * task.targets)
    flops -= unread * cost.unread_training_flops(config, task.method)
    memory = {
        recomputed: _base(machine, training=True)
        | training_memory(config, task, dtype, machine, checkpointing=recomputed)
        for recomputed in (False, True)
    }
    time = {
        recomputed: training_seconds(config, task, machine, dtype, checkpointing=recomputed)
        for recomputed in (False, True)
    }
    without, peak = (sum(memory[recomputed].values()) for recomputed in (False, True))
    chosen = needs_checkpointing(without, machine.memory_bytes)
    used = chosen if task.checkpointing == "auto" else task.checkpointing
    if task.ranks > 1:  # what is sent between the devices is not counted
        time = {
            recomputed: {part: seconds / task.ranks for part, seconds in parts.items()}
            for recomputed, parts in time.items()
        }
    extra = sum(time[True].values()) / sum(time[False].values()) - 1
    return Plan(
        task="train",
        parameters=parameter_count(config),
        trainable=cost.trainable_count(config, task.method),
        memory=memory[used],
        memory_limit=machine.memory_bytes,
        flops=flops,
        time=time[used],
        tokens=read * task.tokens,
        steps=task.steps,
        checkpointing=Checkpointing(used, chosen, peak, without, extra),
    )


def pass_seconds(
    config: ModelConfig, machine: Machine, dtype: str, tokens: float, pairs: float
) -> dict[str, float]:
    """Time one pass over `tokens` tokens without gradients, the output head left out."""
    beyond = machine.forward.get(dtype) or machine.forward["bfloat16"]
    moved = config.num_hidden_layers * cost.working_bytes_per_token(config, dtype) * tokens
    rate = machine.attention.get(dtype) or machine.attention["bfloat16"]
    return {
        "matrix products": seconds_of(forward_products(config, dtype, tokens), machine),
        "attention": cost.attention_flops(config, pairs) / rate,
        "everything between": config.num_hidden_layers * beyond["call"] + moved * beyond["byte"],
    }


def _add(total: dict[str, float], parts: dict[str, float], times: float = 1.0) -> None:
    for name, seconds in parts.items():
        total[name] = total.get(name, 0.0) + times * seconds


def _plan_scoring(config: ModelConfig, task: ScoreTask, machine: Machine, dtype: str) -> Plan:
    passes = math.ceil(task.unique / TOKEN_BUDGET)
    tokens = task.unique / passes
    # every context token sees those before it, every answer token its context too
    own = task.context - task.shared
    seen = own * (task.shared + task.context) / 2 + task.read * (task.context + task.answer / 2)
    pairs = task.items * seen + task.shared * task.shared / 2
    # a context, what looks at it, and its answers, in blocks
    calls = task.items * (2 + task.read / DENSE if task.choices > 1 else 1)
    # in a block of answers every token is held against every other, whichever it may see
    block = task.items * task.read * max(0.0, min(DENSE, task.read) - task.answer / 2)
    time: dict[str, float] = {}
    _add(time, pass_seconds(config, machine, dtype, tokens, (pairs + block) / passes), passes)
    _add(time, {"attention": calls * config.num_hidden_layers * machine.attention["call"]})
    rows = task.items * (1 + task.read)
    chunk = min(rows, max(LOGIT_ROWS, LOGIT_BYTES // (4 * config.vocab_size)))
    head = seconds_of(head_products(config, dtype, chunk), machine) * rows / chunk
    _add(time, {"output head": head + rows * config.vocab_size * machine.logit})
    kept = min(task.unique, task.context + TOKEN_BUDGET)
    return Plan(
        task="score",
        parameters=parameter_count(config),
        trainable=0,
        memory={
            **_base(machine),
            "weights": cost.weight_bytes(config, dtype),
            "keys and values": int(kept * cost.cache_bytes_per_token(config, dtype)),
            "activations": int(tokens * cost.working_bytes_per_token(config, dtype)),
            "logits": int(chunk * config.vocab_size * (4 if dtype == "float32" else 6)),
        },
        memory_limit=machine.memory_bytes,
        flops=task.unique * cost.linear_flops(config)
        + cost.attention_flops(config, pairs)
        + cost.head_flops(config, rows),
        time=time,
        tokens=task.items * (task.context + task.choices * task.answer),
        steps=passes,
    )


def _plan_writing(config: ModelConfig, task: GenerateTask, machine: Machine, dtype: str) -> Plan:
    per_token = cost.cache_bytes_per_token(config, dtype)
    whole = task.prompt + task.new_tokens
    fitting = max(1, int(CACHE_BYTES // (whole * per_token)))
    streams = max(1, min(task.streams, task.requests, ROWS, fitting))
    rounds = task.requests / streams
    # whole blocks of a common beginning are kept and read by all
    common = task.shared // BLOCK_TOKENS * BLOCK_TOKENS if streams > 1 else 0
    own = task.prompt - common
    shared = task.prompt - own
    prefill = shared + streams * own
    pairs = shared * shared / 2 + streams * own * (shared + task.prompt) / 2
    time: dict[str, float] = {}
    passes = math.ceil(prefill / CHUNK)
    reading = pass_seconds(config, machine, dtype, prefill / passes, pairs / passes)
    _add(time, {"prompts": passes * sum(reading.values())})
    middle = task.prompt + task.new_tokens / 2
    beyond = machine.decode.get(dtype) or machine.decode["bfloat16"]
    size = cost.DTYPE_BYTES[dtype]
    # all weights are read once a step, for however many rows; many rows are products as any other
    per_byte = beyond["byte"] + (streams - 1) * beyond["row"]
    products = seconds_of(forward_products(config, dtype, streams), machine)
    step = cost.linear_flops(config) / 2 * size * per_byte
    step = step if streams <= MOST_VECTORS else products
    steps = task.new_tokens - 1
    _add(time, {"matrix products": step}, steps)
    _add(time, {"attention": streams * middle * per_token / machine.stream}, steps)
    _add(time, {"everything between": config.num_hidden_layers * beyond["call"]}, steps)
    last = seconds_of(head_products(config, dtype, streams), machine)
    head = config.vocab_size * config.hidden_size * size * per_byte
    head = head if streams <= MOST_VECTORS else last
    _add(time, {"output head": head}, task.new_tokens)
    cached = common + streams * BLOCK_TOKENS * blocks_for(math.ceil(whole - common))
    return Plan(
        task="generate",
        parameters=parameter_count(config),
        trainable=0,
        memory=_base(machine)
        | serving_memory(
            config, dtype, streams=streams, cached=cached, prefill=min(prefill, CHUNK + streams)
        ),
        memory_limit=machine.memory_bytes,
        flops=rounds * (prefill + streams * steps) * cost.linear_flops(config)
        + rounds * cost.attention_flops(config, pairs + streams * steps * middle)
        + rounds * cost.head_flops(config, streams * task.new_tokens),
        time={name: rounds * seconds for name, seconds in time.items()},
        tokens=task.requests * task.new_tokens,
        steps=math.ceil(rounds) * task.new_tokens,
    )
