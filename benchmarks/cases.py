"""What is measured: one entry a row of the results table."""

from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["train", "dpo", "score", "generate", "load"]
MethodName = Literal["full", "lora", "adalora", "prefix"]
LARGE = "Qwen2.5-0.5B"
HUNDRED = "llama3-100m"  # no preset: see `material.HUNDRED_MILLION`


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
        quick: how much a quick one does; None leaves the case out unless it is asked for by name.
        batches: rows of a training step, for DPO pairs; for writing, each number of prompts to
            write together.
        prompt: tokens of a prompt; for training and scoring, their mean. None takes the bundled
            bookshop questions as they are.
        answer: tokens to predict or to score, their mean; tokens to write, exactly.
        choices: continuations that are scored for each prompt.
        data: a public data set whose questions and labels are scored, by the official tokenizer.
        shared: tokens that stand before every row or prompt, the same ones: an instruction, shots.
        answers: rows that follow each prompt of a training step, as the two of a preference pair.
            Steps take rows in an order of their own, so with more than one there is one step.
        peer_rows: most rows that a peer trains on at once; it accumulates over the rest of a
            step. None: all. What it needs for a whole step does not fit some machines.
        peer_items: items that a peer scores, the first of those counted; its items/s do not depend
            on how many there are. None: all.
        peer_batch: requests in one of lm-eval's batches.
        method: what is trained.
        dtype: the number format of the weights in memory.
        peers: the other sides, see `worker.SIDES`; the first is what `bar` is held against.
        bar: the gain in speed that the project wants.
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
    data: str | None = None
    shared: int = 0
    answers: int = 1
    peer_rows: int | None = None
    peer_items: int | None = None
    peer_batch: int = 4
    method: MethodName = "full"
    dtype: str = "float32"
    peers: tuple[str, ...] = ("transformers",)
    bar: float | None = None

    def shrunk(self, rows: int) -> "Case":
        """Return the same case with at most so many rows a training step."""
        if self.kind not in ("train", "dpo"):
            return self
        return replace(self, batches=tuple(min(rows, batch) for batch in self.batches))


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
        full=Size(warm=1, counted=3),
        quick=None,
        batches=(16,),
        prompt=83,
        answer=20,
        method="lora",
        dtype="bfloat16",
        bar=3.0,
    ),
    Case(
        name="lora-shared",
        title="LoRA r 16 on Qwen2.5-0.5B, bf16, an instruction of 300 tokens before all rows, 16 "
        "rows a step (peer: 4 times 4)",
        kind="train",
        shape=LARGE,
        full=Size(warm=1, counted=2),
        quick=None,
        batches=(16,),
        prompt=83,
        answer=20,
        shared=300,
        peer_rows=4,
        method="lora",
        dtype="bfloat16",
        bar=8.0,
    ),
    Case(
        name="lora-llama",
        title="LoRA r 16 on Llama-3.2-1B, bf16, 16 rows of about 103 tokens (20 targets) a step "
        "(peer: 4 times 4)",
        kind="train",
        shape="Llama-3.2-1B",
        full=Size(warm=0, counted=1),
        quick=None,
        batches=(16,),
        prompt=83,
        answer=20,
        peer_rows=4,
        method="lora",
        dtype="bfloat16",
        bar=3.0,
    ),
    Case(
        name="pairs",
        title="8 preference pairs a step, prompts of about 200 tokens with two answers of 60, "
        "LoRA r 16 on Qwen2.5-0.5B, bf16 (transformers: 4 rows at once)",
        kind="train",
        shape=LARGE,
        full=Size(warm=0, counted=1),
        quick=None,
        batches=(16,),
        prompt=200,
        answer=60,
        answers=2,
        peer_rows=4,
        method="lora",
        dtype="bfloat16",
        peers=("leitai, each row alone", "leitai, no sharing", "transformers"),
        bar=1.7,
    ),
    Case(
        name="adalora",
        title="AdaLoRA (rank 12 to 8) on qwen3-micro, 16 rows of about 103 tokens (20 targets) a "
        "step",
        kind="train",
        shape="qwen3-micro",
        full=Size(warm=1, counted=12),
        quick=None,
        batches=(16,),
        prompt=83,
        answer=20,
        method="adalora",
    ),
    Case(
        name="prefix",
        title="prefix-tuning (20 virtual tokens) of qwen3-micro, 16 rows of about 103 tokens (20 "
        "targets) a step",
        kind="train",
        shape="qwen3-micro",
        full=Size(warm=1, counted=12),
        quick=None,
        batches=(16,),
        prompt=83,
        answer=20,
        method="prefix",
    ),
    Case(
        name="dpo",
        title="DPO with LoRA r 16 on qwen3-micro, 8 pairs a step, prompts of about 200 tokens with "
        "two answers of 60; the reference counts",
        kind="dpo",
        shape="qwen3-micro",
        full=Size(warm=1, counted=6),
        quick=None,
        batches=(8,),
        prompt=200,
        answer=60,
        method="lora",
        peers=("trl",),
    ),
    Case(
        name="pretrain-100m",
        title="train every weight of a Llama of 100 M, 4 rows of about 256 tokens a step, all of "
        "them targets",
        kind="train",
        shape=HUNDRED,
        full=Size(warm=1, counted=2),
        quick=None,
        batches=(4,),
        prompt=1,
        answer=255,
        peers=("Trainer", "litgpt"),
        bar=1.5,
    ),
    Case(
        name="pretrain-100m-bf16",
        title="the same in bf16",
        kind="train",
        shape=HUNDRED,
        full=Size(warm=1, counted=2),
        quick=None,
        batches=(4,),
        prompt=1,
        answer=255,
        dtype="bfloat16",
        peers=("Trainer", "litgpt"),
        bar=1.5,
    ),
    Case(
        name="finetune-100m-bf16",
        title="train every weight of the same in bf16, 16 rows of about 103 tokens (20 targets) "
        "a step",
        kind="train",
        shape=HUNDRED,
        full=Size(warm=1, counted=2),
        quick=None,
        batches=(16,),
        prompt=83,
        answer=20,
        dtype="bfloat16",
        peers=("Trainer", "litgpt"),
        bar=1.5,
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
        name="score-77-large",
        title="score 77 labels of about 5 tokens after prompts of 40, Qwen2.5-0.5B, bf16",
        kind="score",
        shape=LARGE,
        full=Size(warm=1, counted=24),
        quick=None,
        prompt=40,
        answer=5,
        choices=77,
        peer_items=4,
        peer_batch=16,
        dtype="bfloat16",
        peers=("lm-eval",),
        bar=20.0,
    ),
    Case(
        name="score-banking77",
        title="score the 77 labels of banking77 after its questions in Qwen2.5's template, bf16",
        kind="score",
        shape=LARGE,
        full=Size(warm=1, counted=80),
        quick=None,
        data="banking77",
        peer_items=6,
        peer_batch=16,
        dtype="bfloat16",
        peers=("lm-eval",),
        bar=20.0,
    ),
    Case(
        name="score-5shot",
        title="choose among 4 answers, 600 shared tokens of examples, 90 own, Qwen2.5-0.5B, bf16",
        kind="score",
        shape=LARGE,
        full=Size(warm=1, counted=60),
        quick=None,
        prompt=90,
        answer=6,
        choices=4,
        shared=600,
        peer_items=6,
        dtype="bfloat16",
        peers=("lm-eval", "transformers"),
        bar=10.0,
    ),
    Case(
        name="score-5shot-500",
        title="the same, 500 items in one run",
        kind="score",
        shape=LARGE,
        full=Size(warm=1, counted=500),
        quick=None,
        prompt=90,
        answer=6,
        choices=4,
        shared=600,
        dtype="bfloat16",
        peers=(),
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
