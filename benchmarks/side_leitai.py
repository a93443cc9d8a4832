"""Leitai's side of each piece of work, through its public functions."""

import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from material import ALPHA, RANK, SEED
from measure import Watch, checksum, read_through

import leitai
from leitai.adapters import Full, LoRA, apply_method
from leitai.forest import plant
from leitai.models import Decoder, load_decoder
from leitai.training import AdaptSpec, batches
from leitai.training.batches import EncodedRow
from leitai.training.checkpoint import CheckpointStore
from leitai.training.loop import Loop
from leitai.training.objectives import make_objective

Job = dict[str, Any]


def _row(row: dict[str, list[int]], number: int) -> EncodedRow:
    ids, targets = np.asarray(row["ids"]), np.asarray(row["targets"])
    return EncodedRow(
        ids=ids,
        targets=targets,
        labels=ids[targets],
        weights=np.ones(len(targets), dtype=np.float32),
        answer=np.ones(len(targets), dtype=bool),
        source=f"row {number + 1}",
    )


def _loop(decoder: Decoder, rows: list[dict[str, list[int]]], spec: AdaptSpec, run: Path) -> Loop:
    return Loop(
        decoder,
        [_row(row, number) for number, row in enumerate(rows)],
        [],
        spec=spec,
        seed=SEED,
        objective=make_objective(spec),
        identity={},
        run_folder=run,
        store=CheckpointStore(run / "checkpoints"),
    )


def train(job: Job, *, share: bool = True, rows_at_once: int | None = None) -> Job:
    """Train on rows; tokens are those of the rows, padding left out.

    Args:
        job: what to do.
        share: whether what rows begin with together is computed once.
        rows_at_once: rows of a batch; None: those of a step.
    """
    method = LoRA(rank=RANK, alpha=ALPHA) if job["adapter"] else Full()
    decoder = load_decoder(Path(job["model"]), dtype=job["dtype"])
    apply_method(decoder, method, SEED)
    window = len(job["windows"]["counted"][0])
    spec = AdaptSpec(
        method=method,
        epochs=1,
        batch_rows=rows_at_once or window,
        accumulation=window // rows_at_once if rows_at_once else 1,
        learning_rate=job["learning_rate"],
        schedule="constant",
        warmup=0.0,
        weight_decay=0.0,
    )
    planting = mock.patch.object(batches, "plant", partial(plant, share=share))
    with tempfile.TemporaryDirectory() as folder, planting:
        if job["rows"]["warm"]:
            _loop(decoder, job["rows"]["warm"], spec, Path(folder, "warm")).run()
        loop = _loop(decoder, job["rows"]["counted"], spec, Path(folder, "counted"))
        with Watch() as watch:
            loop.run()
        lines = Path(folder, "counted", "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return {
        "measures": {"tokens_per_second": loop.totals.tokens / watch.seconds},
        "answers": {"losses": [json.loads(line)["loss"] for line in lines]},
    }


def score(job: Job) -> Job:
    """Score each item's continuations."""
    lm = leitai.load(job["model"], dtype=job["dtype"])

    def logprobs(items: list[Any]) -> list[list[float]]:
        pairs = [(context, rest) for context, rests in items for rest in rests]
        scores = iter(lm.score_ids(pairs))
        return [[next(scores).logprob for _ in rests] for _, rests in items]

    logprobs(job["items"]["warm"])
    with Watch() as watch:
        found = logprobs(job["items"]["counted"])
    return {
        "measures": {"items_per_second": len(found) / watch.seconds},
        "answers": {"logprobs": found},
    }


def generate(job: Job) -> Job:
    """Write greedily, always to the full length."""
    lm = leitai.load(job["model"], dtype=job["dtype"])
    lm.stop_ids = ()

    def write(runs: list[Any]) -> list[list[int]]:
        return [
            found.ids
            for prompts in runs
            for found in lm.complete(prompts, max_tokens=job["new_tokens"])
        ]

    measures, answers = {}, []
    for rows, runs in job["batches"].items():
        write(runs["warm"])
        with Watch() as watch:
            ids = write(runs["counted"])
        measures[f"batch_{rows}_tokens_per_second"] = sum(map(len, ids)) / watch.seconds
        answers += ids
    return {"measures": measures, "answers": {"ids": answers}}


def load(job: Job) -> Job:
    """Load the weights and read from every page of them."""
    read_through(Path(job["model"]))
    with Watch() as watch:
        decoder = load_decoder(Path(job["model"]), dtype=job["dtype"])
        total = checksum(decoder.parameters())
    return {"measures": {"seconds": watch.seconds}, "answers": {"checksum": total}}
