"""What is measured: one entry a row of the results table."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["train", "score", "generate", "load"]
LARGE = "Qwen2.5-0.5B"


@dataclass(frozen=True)
class Size:
    """How much one measurement does.

    Attributes:
        warm: units done before the clock starts: steps, items or runs.
        counted: units done while it runs.
    """

    warm: int
    counted: int


@dataclass(frozen=True)
class Case:
    """One piece of work that both sides do.

    Attributes:
        name: how `--only` and the results file call it.
        title: how the table calls it.
        kind: which function of a side does it.
        shape: a preset: a scratch preset, or a published model's shape.
        full: how much a full measurement does.
        quick: how much a quick one does; None leaves the case out.
        batches: rows of a training step; for writing, each number of prompts to write together.
        prompt: tokens of a prompt; for training and scoring, their mean. None takes the bundled
            bookshop questions as they are.
        answer: tokens to predict or to score, their mean; tokens to write, exactly.
        choices: continuations that are scored for each prompt.
        shared: tokens that stand before every row or prompt, the same ones: an instruction, shots.
        peer_rows: most rows that the peer trains on at once; it accumulates over the rest of a
            step. None: all. What it needs for a whole step does not fit some machines.
        method: what is trained.
        dtype: the number format of the weights in memory.
    """

    name: str
    title: str
    kind: Kind
    shape: str
    full: Size
    quick: Size | None
    batches: tuple[int, ...] = (1,)
    prompt: int | None = None
    answer: int = 0
    choices: int = 0
    shared: int = 0
    peer_rows: int | None = None
    method: Literal["full", "lora"] = "full"
    dtype: str = "float32"


CASES = (
    Case(
        name="full-nano",
        title="train every weight of qwen3-nano on the demo's questions, 16 rows a step",
        kind="train",
        shape="qwen3-nano",
        full=Size(warm=4, counted=32),
        quick=Size(warm=2, counted=12),
        batches=(16,),
    ),
    Case(
        name="full-micro",
        title="train every weight of llama3-micro on the demo's questions, 16 rows a step",
        kind="train",
        shape="llama3-micro",
        full=Size(warm=2, counted=8),
        quick=None,
        batches=(16,),
    ),
    Case(
        name="lora-micro",
        title="LoRA on qwen3-micro, 4 rows of about 100 tokens (20 of them targets) a step",
        kind="train",
        shape="qwen3-micro",
        full=Size(warm=2, counted=12),
        quick=Size(warm=1, counted=4),
        batches=(4,),
        prompt=80,
        answer=20,
        method="lora",
    ),
    Case(
        name="lora-chat",
        title="LoRA r 16 on Qwen2.5-0.5B, bf16, 16 rows of about 103 tokens (20 targets) a step",
        kind="train",
        shape=LARGE,
        full=Size(warm=0, counted=1),
        quick=None,
        batches=(16,),
        prompt=83,
        answer=20,
        method="lora",
        dtype="bfloat16",
    ),
    Case(
        name="lora-shared",
        title="the same with an instruction of 300 tokens before all rows, 8 rows a step",
        kind="train",
        shape=LARGE,
        full=Size(warm=0, counted=1),
        quick=None,
        batches=(8,),
        prompt=83,
        answer=20,
        shared=300,
        peer_rows=4,
        method="lora",
        dtype="bfloat16",
    ),
    Case(
        name="score-77",
        title="classify short questions by likelihood, 77 labels, qwen3-micro",
        kind="score",
        shape="qwen3-micro",
        full=Size(warm=1, counted=8),
        quick=Size(warm=1, counted=2),
        answer=5,
        choices=77,
    ),
    Case(
        name="score-5shot",
        title="choose among 4 answers, 600 shared tokens of examples, 90 own, Qwen2.5-0.5B, bf16",
        kind="score",
        shape=LARGE,
        full=Size(warm=1, counted=6),
        quick=None,
        prompt=90,
        answer=6,
        choices=4,
        shared=600,
        dtype="bfloat16",
    ),
    Case(
        name="generate",
        title="write 16 tokens greedily after prompts of 32, Qwen2.5-0.5B",
        kind="generate",
        shape=LARGE,
        full=Size(warm=1, counted=1),
        quick=Size(warm=0, counted=1),
        batches=(1, 8),
        prompt=32,
        answer=16,
    ),
    Case(
        name="load",
        title="load Qwen2.5-0.5B (988 MB of bfloat16 on disk) as it is",
        kind="load",
        shape=LARGE,
        full=Size(warm=1, counted=1),
        quick=Size(warm=1, counted=1),
        dtype="bfloat16",
    ),
    Case(
        name="load-wide",
        title="load the same as float32",
        kind="load",
        shape=LARGE,
        full=Size(warm=1, counted=1),
        quick=None,
    ),
)
