"""Leitai's side of each piece of work, through its public functions."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from material import SEED
from measure import Watch, checksum, read_through
from pydantic import TypeAdapter

import leitai
from leitai.adapters import apply_method
from leitai.adapters.method import AnyMethod, Method
from leitai.forest import Forest, plant
from leitai.models import Decoder, load_decoder
from leitai.training import AdaptSpec, batches
from leitai.training.batches import EncodedRow, Example
from leitai.training.checkpoint import CheckpointStore
from leitai.training.loop import Loop
from leitai.training.objectives import DPO, make_objective
from leitai.training.objectives.preference import Pair

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


def _rows(rows: list[dict[str, list[int]]]) -> list[EncodedRow]:
    return [_row(row, number) for number, row in enumerate(rows)]


def _pair(pair: dict[str, list[int]], number: int) -> Pair:
    def row(answer: list[int]) -> EncodedRow:
        ids = pair["prompt"] + answer
        return _row({"ids": ids, "targets": [*range(len(pair["prompt"]), len(ids))]}, number)

    return Pair(row(pair["chosen"]), row(pair["rejected"]))


def _method(job: Job) -> AnyMethod:
    found: AnyMethod = TypeAdapter(Method).validate_python(job["method"])
    return found


def _loop(decoder: Decoder, examples: Sequence[Example], spec: AdaptSpec, run: Path) -> Loop:
    return Loop(
        decoder,
        examples,
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
    method = _method(job)
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
    planting = mock.patch.object(batches, "plant", plant if share else _apart)
    with tempfile.TemporaryDirectory() as folder, planting:
        if job["rows"]["warm"]:
            _loop(decoder, _rows(job["rows"]["warm"]), spec, Path(folder, "warm")).run()
        loop = _loop(decoder, _rows(job["rows"]["counted"]), spec, Path(folder, "counted"))
        with Watch() as watch:
            loop.run()
        losses = _losses(Path(folder, "counted"))
    return {
        "measures": {"tokens_per_second": loop.totals.tokens / watch.seconds},
        "answers": {"losses": losses},
    }


def _apart(sequences: Sequence[Any], *, share: bool) -> Forest:
    """Plant without sharing, whatever the caller would."""
    return plant(sequences, share=False)


def _losses(run: Path) -> list[float]:
    """Return each step's loss with the method's own part, as peers print it."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    return [line["loss"] + line.get("penalty", 0.0) for line in lines]


def dpo(job: Job) -> Job:
    """Train on preference pairs, from the question to the reference on.

    Each part starts from the same weights, so that the reference is the same.
    """
    spec = AdaptSpec(
        method=_method(job),
        objective=DPO(beta=job["beta"]),
        epochs=1,
        batch_rows=len(job["windows"]["counted"][0]),
        learning_rate=job["learning_rate"],
        schedule="constant",
        warmup=0.0,
        weight_decay=0.0,
    )

    def run(part: str) -> tuple[float, list[float]]:
        decoder = load_decoder(Path(job["model"]), dtype=job["dtype"])
        pairs = [_pair(pair, number) for number, pair in enumerate(job["pairs"][part])]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with Watch() as asking:
                examples = make_objective(spec).observe(decoder, pairs, folder / "reference")
            apply_method(decoder, spec.method, SEED)
            loop = _loop(decoder, examples, spec, folder / "run")
            with Watch() as training:
                loop.run()
            return asking.seconds + training.seconds, _losses(folder / "run")

    if job["pairs"]["warm"]:
        run("warm")
    seconds, losses = run("counted")
    return {
        "measures": {"tokens_per_second": job["tokens"] / seconds},
        "answers": {"losses": losses},
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
