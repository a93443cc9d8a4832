"""Weights and token ids that both sides read: made by Leitai, random, the same in every run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import HUNDRED, Case, MethodName, Size

from leitai.adapters import (
    AdaLoRA,
    Full,
    LoRA,
    PrefixTuning,
    apply_method,
    save_adapter,
    weights_hash,
)
from leitai.adapters.method import AnyMethod
from leitai.data import DataSource, load_rows
from leitai.data.bookshop import rows as bookshop_rows
from leitai.models import (
    SCRATCH_PRESETS,
    ModelConfig,
    init_decoder,
    load_decoder,
    preset,
    read_config,
    save_decoder,
)
from leitai.text import Chat, Tokenizer, train_tokenizer, write_scratch_text_files
from leitai.training import create_scratch
from leitai.training.batches import epoch_windows
from leitai.training.encoding import encode_rows
from leitai.training.objectives.interface import Texts

SEED = 1
VOCABULARY = 3000  # of the scratch tokenizers, as in the demo
STORED = "bfloat16"  # how published weights are stored
RANK, ALPHA = 16, 32
METHODS: dict[MethodName, AnyMethod] = {
    "full": Full(),
    "lora": LoRA(rank=RANK, alpha=ALPHA),
    "adalora": AdaLoRA(),
    "prefix": PrefixTuning(virtual_tokens=20),
}
BETA = 0.1  # of DPO
QWEN_SYSTEM = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."  # its default
HUNDRED_MILLION = ModelConfig(
    family="llama",
    vocab_size=32_000,
    hidden_size=768,
    intermediate_size=2_048,
    num_hidden_layers=12,
    num_attention_heads=12,
    num_key_value_heads=4,
    head_dim=64,
    max_position_embeddings=2_048,
    rms_norm_eps=1e-5,
    rope_theta=5e5,
    rope_scaling=None,
    tie_word_embeddings=True,
    bos_token_id=1,
    eos_token_ids=(2,),
)
LEARNING_RATES: dict[MethodName, float] = {
    "full": 1e-3,
    "lora": 2e-4,
    "adalora": 1e-3,
    "prefix": 1e-2,
}

Ids = list[int]


def _questions() -> list[Any]:
    return [row for row in bookshop_rows("intents") if row.split == "train"]


def _texts() -> list[str]:
    return [str(message["content"]) for row in _questions() for message in row.messages]


def make_model(shape: str, folder: Path) -> None:
    """Write a checkpoint with random weights; what adapters start from lies beside it."""
    if shape in SCRATCH_PRESETS:
        create_scratch(shape, _texts(), folder, vocab_size=VOCABULARY, seed=SEED)
        return
    config = HUNDRED_MILLION if shape == HUNDRED else preset(shape)
    # The ids will be random, so a small tokenizer serves to complete the folder.
    write_scratch_text_files(
        train_tokenizer(_texts(), config.family, VOCABULARY), config.family, folder
    )
    save_decoder(init_decoder(config, SEED, dtype=torch.bfloat16), folder, dtype=STORED)


def make_adapter(model: Path, folder: Path, method: MethodName, dtype: str) -> None:
    """Write the adapter from which both sides start.

    A prefix starts as keys and values of real tokens, so it depends on the number format.
    """
    decoder = load_decoder(model, dtype=dtype)
    apply_method(decoder, METHODS[method], SEED)
    save_adapter(decoder, folder, weights_hash(model))


@dataclass(frozen=True)
class Drawn:
    """Random token ids of one vocabulary."""

    draws: np.random.Generator
    vocabulary: int

    def ids(self, length: int) -> Ids:
        """Draw a sequence."""
        return [int(i) for i in self.draws.integers(self.vocabulary, size=length)]

    def around(self, mean: int) -> int:
        """Draw a length: within a third of the mean, all equally likely."""
        spread = mean // 3
        return int(self.draws.integers(mean - spread, mean + spread + 1))


def job_inputs(case: Case, model: Path, size: Size) -> dict[str, Any]:
    """Return what a measurement works on, as JSON-able values."""
    vocabulary = read_config(model).vocab_size
    drawn = Drawn(np.random.default_rng(SEED), vocabulary)
    return {
        "train": _training,
        "dpo": _pairs,
        "score": _scoring,
        "generate": _prompts,
        "load": lambda *_: {},
    }[case.kind](case, model, size, drawn)


def _training(case: Case, model: Path, size: Size, drawn: Drawn) -> dict[str, Any]:
    (rows_a_step,) = case.batches
    count = (size.warm + size.counted) * rows_a_step
    if case.prompt is None:
        rows = _encoded_questions(model, count)
    else:
        rows = []
        shared = drawn.ids(case.shared)
        for _ in range(count // case.answers):
            start = [*shared, *drawn.ids(drawn.around(case.prompt))]
            for _ in range(case.answers):
                answer = drawn.ids(drawn.around(case.answer))
                targets = list(range(len(start), len(start) + len(answer)))
                rows.append({"ids": start + answer, "targets": targets})
    lengths = [len(row["ids"]) for row in rows]
    return {
        "rows": _parts(rows, size.warm * rows_a_step),
        "peer_rows": case.peer_rows or rows_a_step,
        "windows": _windows(lengths, size.warm * rows_a_step, rows_a_step),
    }


def _pairs(case: Case, model: Path, size: Size, drawn: Drawn) -> dict[str, Any]:
    assert case.prompt is not None
    (pairs_a_step,) = case.batches
    pairs = [
        {
            "prompt": drawn.ids(drawn.around(case.prompt)),
            "chosen": drawn.ids(drawn.around(case.answer)),
            "rejected": drawn.ids(drawn.around(case.answer)),
        }
        for _ in range((size.warm + size.counted) * pairs_a_step)
    ]
    cut = size.warm * pairs_a_step
    lengths = [2 * len(p["prompt"]) + len(p["chosen"]) + len(p["rejected"]) for p in pairs]
    return {
        "beta": BETA,
        "pairs": _parts(pairs, cut),
        "tokens": sum(lengths[cut:]),
        "windows": _windows(lengths, cut, pairs_a_step),
    }


def _parts(found: list[Any], cut: int) -> dict[str, list[Any]]:
    return {"warm": found[:cut], "counted": found[cut:]}


def _windows(lengths: list[int], cut: int, window: int) -> dict[str, list[list[int]]]:
    """Return Leitai's own order, which sorts by length in pools; the peer takes it over."""
    return {
        name: [[int(i) for i in chosen] for chosen in epoch_windows(part, window, SEED, 0)]
        for name, part in _parts(lengths, cut).items()
    }


def _encoded_questions(model: Path, count: int) -> list[dict[str, Ids]]:
    chat = Chat.from_folder(model, Tokenizer.from_folder(model))
    chosen = _questions()[:count]
    if len(chosen) < count:
        raise ValueError(f"the case wants {count} rows, the bundled set has {len(chosen)}")
    texts = Texts(chat, chat.tokenizer.vocab_size, model)
    encoded = encode_rows(chosen, texts, max_length=1024, turns="all", prompt_weight=0.0)
    return [{"ids": row.ids.tolist(), "targets": row.targets.tolist()} for row in encoded]


def _scoring(case: Case, model: Path, size: Size, drawn: Drawn) -> dict[str, Any]:
    count = size.warm + size.counted
    if case.data is not None:
        items = _labelled(case.data, model, count)
    elif case.prompt is None:
        chat = Chat.from_folder(model, Tokenizer.from_folder(model))
        contexts = [chat.encode_prompt(row.messages[:1]) for row in _questions()[:count]]
        labels = [drawn.ids(drawn.around(case.answer)) for _ in range(case.choices)]
        items = [[context, labels] for context in contexts]
    else:
        shared = drawn.ids(case.shared)
        items = [
            [
                [*shared, *drawn.ids(drawn.around(case.prompt))],
                [drawn.ids(drawn.around(case.answer)) for _ in range(case.choices)],
            ]
            for _ in range(count)
        ]
    return {
        "items": {"warm": items[: size.warm], "counted": items[size.warm :]},
        "peer_items": case.peer_items or size.counted,
        "peer_batch": case.peer_batch,
    }


def _labelled(data: str, model: Path, count: int) -> list[Any]:
    """Return questions of a public set in the chat template, each with all labels."""
    package = find_spec("dashscope")  # for its files alone; its own dependencies are not here
    if package is None or package.origin is None:
        raise ValueError("the official tokenizer is missing: pip install --no-deps dashscope")
    tokenizer = Tokenizer.from_folder(Path(package.origin).parent / "resources")
    chat = Chat.from_folder(model, tokenizer)
    rows = load_rows(DataSource(set=data), base_folder=Path(), data_root=None)
    labels = sorted({row.label.replace("_", " ") for row in rows if row.label})
    encoded = [tokenizer.encode(label) for label in labels]
    system = {"role": "system", "content": QWEN_SYSTEM}
    return [
        [chat.encode_prompt([system, *row.messages[:-1]]), encoded]
        for row in rows
        if row.split == "test"
    ][:count]


def _prompts(case: Case, model: Path, size: Size, drawn: Drawn) -> dict[str, Any]:
    assert case.prompt is not None
    lengths = [case.prompt] * (size.warm + size.counted)
    batches = {}
    for rows in case.batches:
        runs = [[drawn.ids(length) for _ in range(rows)] for length in lengths]
        batches[rows] = {"warm": runs[: size.warm], "counted": runs[size.warm :]}
    return {"batches": batches, "new_tokens": case.answer}


def write_jobs(cases: Mapping[Case, Size], folder: Path) -> dict[str, Path]:
    """Make all weights and inputs under `folder`; return each case's job file by name."""
    jobs = {}
    for case, size in cases.items():
        model = folder / case.shape
        adapter = folder / f"{case.shape}.{case.method}.{case.dtype}"
        adapts = case.method != "full"
        if not model.exists():
            make_model(case.shape, model)
        if adapts and not adapter.exists():
            make_adapter(model, adapter, case.method, case.dtype)
        job = {
            "kind": case.kind,
            "model": str(model),
            "adapter": str(adapter) if adapts else None,
            "method": METHODS[case.method].model_dump(mode="json"),
            "dtype": case.dtype,
            "learning_rate": LEARNING_RATES[case.method],
            **job_inputs(case, model, size),
        }
        jobs[case.name] = folder / f"{case.name}.job.json"
        jobs[case.name].write_text(json.dumps(job), encoding="utf-8")
    return jobs
