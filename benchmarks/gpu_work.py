"""What `gpu.py` measures, and the weights and token ids for it: random, the same in every run."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from material import ALPHA, RANK, SEED, VOCABULARY, Drawn

from leitai.adapters import LoRA, apply_method, save_adapter, weights_hash
from leitai.data.bookshop import rows as bookshop_rows
from leitai.models import (
    ModelConfig,
    init_decoder,
    load_decoder,
    preset,
    save_decoder,
    scratch_config,
)
from leitai.text import train_tokenizer, write_scratch_text_files

QWEN, LLAMA, HUNDRED, TINY = "Qwen2.5-0.5B", "Llama-3.2-1B", "llama3-100m", "qwen3-nano"
OURS, PLAIN, EAGER = "leitai", "leitai, no sharing", "leitai, no graphs"
PEER, LIGER, VLLM = "transformers + peft", "the same with Liger", "vLLM"
TOKENIZER = 340  # entries of the tokenizers' files; ids are drawn, so a small one will do


@dataclass(frozen=True)
class Work:
    """One row of the table.

    Attributes:
        name: how `--only` calls it.
        title: how the table calls it.
        kind: which function of a side does it.
        shape: a published model's, or `HUNDRED`.
        sides: who does it, where installed.
        unit: of the figures.
        rows: of a training step; items of one scoring call; prompts that are written together.
        prompt: tokens of one, the mean; exact for writing.
        answer: tokens to predict, to score or to write.
        shared: tokens before all prompts.
        answers: rows of a training step that follow each prompt; continuations of each item.
        full: every weight is trained, products in bfloat16 on float32 weights; else LoRA.
    """

    name: str
    title: str
    kind: Literal["train", "score", "write"]
    shape: str
    sides: tuple[str, ...]
    unit: str = "tokens/s"
    rows: int = 16
    prompt: int = 83
    answer: int = 20
    shared: int = 0
    answers: int = 1
    full: bool = False


_TRAIN = (OURS, PEER, LIGER)
_WRITE = (OURS, EAGER, PEER, VLLM)
WORK = (
    Work(
        "lora-qwen", f"LoRA r 16, {QWEN}, 16 chat rows of about 103 tokens", "train", QWEN, _TRAIN
    ),
    Work(
        "lora-qwen-shared",
        "the same behind an instruction of 300 tokens",
        "train",
        QWEN,
        (OURS, PLAIN, PEER, LIGER),
        shared=300,
    ),
    Work(
        "lora-llama",
        f"LoRA r 16, {LLAMA}, 16 chat rows of about 103 tokens",
        "train",
        LLAMA,
        _TRAIN,
    ),
    Work(
        "lora-llama-shared",
        "the same behind an instruction of 300 tokens",
        "train",
        LLAMA,
        (OURS, PLAIN, PEER, LIGER),
        shared=300,
    ),
    Work(
        "pairs",
        f"both answers (60 tokens) of 8 preference pairs, prompts of about 200, {QWEN}, LoRA r 16",
        "train",
        QWEN,
        (OURS, PLAIN, PEER),
        prompt=200,
        answer=60,
        answers=2,
    ),
    Work(
        "pretrain",
        "every weight of a Llama of 100 M, 32 rows of about 512 tokens, all targets",
        "train",
        HUNDRED,
        _TRAIN,
        rows=32,
        prompt=1,
        answer=511,
        full=True,
    ),
    Work(
        "score-5shot",
        f"4 answers an item, 600 shared tokens of examples, 90 own, {QWEN}",
        "score",
        QWEN,
        (OURS, PEER),
        unit="items/s",
        rows=64,
        prompt=90,
        answer=6,
        shared=600,
        answers=4,
    ),
    Work(
        "score-77",
        f"77 labels of about 5 tokens an item, prompts of 40, {QWEN}",
        "score",
        QWEN,
        (OURS, PEER),
        unit="items/s",
        rows=32,
        prompt=40,
        answer=5,
        answers=77,
    ),
    Work(
        "write-1",
        f"write 64 tokens after 32, one stream, {QWEN}",
        "write",
        QWEN,
        _WRITE,
        rows=1,
        prompt=32,
        answer=64,
    ),
    Work(
        "write-8",
        "the same, 8 streams",
        "write",
        QWEN,
        _WRITE,
        rows=8,
        prompt=32,
        answer=64,
    ),
    Work(
        "write-32",
        "32 requests of 600 shared tokens and 32 own, 64 tokens each",
        "write",
        QWEN,
        _WRITE,
        rows=32,
        prompt=32,
        answer=64,
        shared=600,
    ),
)


def shrunk(work: Work) -> Work:
    """Return the same work in little, to see that everything runs."""
    return replace(
        work,
        shape=TINY,
        title=f"{work.title} (in little: {TINY})",
        rows=min(work.rows, 4),
        prompt=min(work.prompt, 24),
        answer=min(work.answer, 8),
        shared=min(work.shared, 48),
        answers=min(work.answers, 5),
    )


def _config(shape: str) -> ModelConfig:
    if shape == TINY:
        return scratch_config(TINY, VOCABULARY)
    if shape != HUNDRED:
        return preset(shape)
    return replace(
        scratch_config("llama3-micro", 32_000),
        hidden_size=768,
        intermediate_size=2_048,
        num_hidden_layers=12,
        num_attention_heads=12,
        num_key_value_heads=4,
        head_dim=64,
    )


def make_model(shape: str, folder: Path, device: str) -> None:
    """Write a checkpoint with random weights in bfloat16, and an adapter for it beside it."""
    config = _config(shape)
    texts = [str(m["content"]) for row in bookshop_rows("intents") for m in row.messages]
    tokenizer = train_tokenizer(texts, config.family, TOKENIZER)
    write_scratch_text_files(tokenizer, config.family, folder)
    save_decoder(init_decoder(config, SEED, device=device), folder, dtype="bfloat16")
    decoder = load_decoder(folder, dtype="bfloat16")
    apply_method(decoder, LoRA(rank=RANK, alpha=ALPHA), SEED)
    save_adapter(decoder, folder.with_name(f"{folder.name}.adapter"), weights_hash(folder))


def job_of(work: Work, model: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the sides work on, as JSON-able values."""
    import numpy as np

    drawn = Drawn(np.random.default_rng(SEED), _config(work.shape).vocab_size)
    shared = drawn.ids(work.shared)
    job: dict[str, Any] = {
        **settings,
        "kind": work.kind,
        "model": str(model),
        "adapter": None if work.full else str(model.with_name(f"{model.name}.adapter")),
        "new_tokens": work.answer,
    }
    if work.kind == "train":
        job["steps"] = [_step(work, shared, drawn) for _ in range(settings["steps"])]
    elif work.kind == "score":
        job["items"] = [
            [
                [*shared, *drawn.ids(drawn.around(work.prompt))],
                [drawn.ids(drawn.around(work.answer)) for _ in range(work.answers)],
            ]
            for _ in range(work.rows)
        ]
    else:
        job["prompts"] = [[*shared, *drawn.ids(work.prompt)] for _ in range(work.rows)]
    return job


def _step(work: Work, shared: list[int], drawn: Drawn) -> list[dict[str, list[int]]]:
    rows = []
    for _ in range(work.rows // work.answers):
        start = [*shared, *drawn.ids(drawn.around(work.prompt))]
        for _ in range(work.answers):
            answer = drawn.ids(drawn.around(work.answer))
            targets = list(range(len(start), len(start) + len(answer)))
            rows.append({"ids": start + answer, "targets": targets})
    return rows
