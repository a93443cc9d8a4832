"""From a model folder and rows to an adapted model folder or adapter."""

import logging
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from leitai.adapters import (
    AnyMethod,
    apply_method,
    leaves_adapter,
    save_adapter,
    trainable_parameters,
    weights_hash,
    with_start_ids,
)
from leitai.base import LeitaiError
from leitai.base.files import atomic_folder, hash_value
from leitai.base.locks import run_lock
from leitai.base.memory import give_freed_memory_back, keep_few_products, peak_bytes
from leitai.data.rows import Row
from leitai.models import Decoder, load_decoder, read_config, save_decoder
from leitai.text import Chat, Tokenizer, copy_text_files
from leitai.training.checkpoint import Checkpoint, CheckpointStore
from leitai.training.dividing import divides
from leitai.training.fitting import check_memory, chooses_checkpointing
from leitai.training.identity import check_identity, run_identity
from leitai.training.loop import Loop
from leitai.training.objectives import make_objective
from leitai.training.objectives.interface import Objective, Texts
from leitai.training.ranks import Ranks
from leitai.training.ranks.gathering import gathered
from leitai.training.result import COST_FILE, RESULT_FILE, TrainResult, read_result
from leitai.training.resuming import resume as resume_from
from leitai.training.resuming import take_best
from leitai.training.spec import AdaptSpec
from leitai.training.tracking import TrackerName, forget, open_tracking
from leitai.training.tracking.samples import Samples
from leitai.training.validation import Metrics, Trainee, Writer, find_metric, spread

_logger = logging.getLogger("leitai.training")


def train(
    model_folder: Path,
    train_rows: Iterable[Row],
    valid_rows: Iterable[Row],
    spec: AdaptSpec,
    run_folder: Path,
    *,
    resume: bool = True,
    seed: int = 0,
    title: str = "training",
    date: str | None = None,
    thinking: bool | None = None,
    device: str = "cpu",
    dtype: str = "float32",
    checkpoint_every: int | None = None,
    metrics: Metrics = MappingProxyType({}),
    write: Writer | None = None,
    samples: int = 0,
    track: Sequence[TrackerName] | None = None,
    ranks: Ranks | None = None,
) -> TrainResult:
    """Adapt a model; killed at any moment and called again, it ends with the same bits.

    The run folder gets `metrics.jsonl` (reproducible), `clock.jsonl` and `cost.json` (not),
    `checkpoints/` while it runs, and at the end `result.json` beside `model/` (full, freeze) or
    `adapter/` (LoRA and its like).

    Args:
        model_folder: a Hugging Face folder with tokenizer and chat template.
        train_rows: each ends with the assistant's answer; gone through once. What else they need
            depends on `spec.objective`.
        valid_rows: to stop by and choose the best weights with; without any, the last ones win.
        spec: how to train.
        run_folder: used by one process at a time.
        resume: go on from what is there, or return the result of a finished run; else start anew.
        seed: of an adapter's start, order, noise and dropout.
        title: of the progress bar.
        date: what the template prints as today.
        thinking: passed to the template.
        device: of the decoder.
        dtype: of frozen weights under an adapter, under LoRA a quantised format too; what is
            trained is float32. Under full and freeze all weights are float32, and bfloat16 is what
            products are computed in; every other format then means float32.
        checkpoint_every: steps between checkpoints; by default as often as costs under 2 % of the
            time, at most every 30 seconds.
        metrics: what `spec.validation.metric` may name beside the loss
            (`leitai.evaluation.validation.METRICS`).
        write: lets the model answer rows (`leitai.evaluation.validation.write`).
        samples: validation rows that it answers at each evaluation, into `samples.jsonl`.
        track: where curves are shown too; None is TensorBoard where it is installed.
        ranks: the processes that train together, from `leitai.training.ranks.joined`; None is this
            one alone.

    Raises:
        LeitaiError: a file or row is not fit for it, the folder holds another run, the memory or
            the disk does not suffice, the loss is no longer finite, or the user interrupts.
    """
    ranks = ranks or Ranks()
    keep_few_products()
    with run_lock(run_folder) if ranks.first else nullcontext():
        store = _open_store(run_folder, ranks, resume=resume)
        asking = valid_rows if isinstance(valid_rows, Sequence) else ()
        metric = find_metric(spec, metrics, asking)
        whole = not leaves_adapter(spec.method)
        if whole and dtype != "bfloat16":
            dtype = "float32"
        chat = Chat.from_folder(model_folder, Tokenizer.from_folder(model_folder))
        config = read_config(model_folder)
        objective = make_objective(spec)
        texts = Texts(chat, config.vocab_size, run_folder, date, thinking, title)
        with ranks.in_turn():  # what is written beside the run is written by one and then found
            learnt, checked = _read(objective, train_rows, valid_rows, texts)
        base_hash = weights_hash(model_folder)
        identity = run_identity(spec, seed, base_hash, learnt, checked, dtype)
        if (finished := read_result(run_folder)) is not None:
            check_identity(finished[0], identity, run_folder)
            return finished[1]
        checkpoint = store.load_newest()
        if checkpoint is not None:
            check_identity(checkpoint.state["identity"], identity, run_folder)
        kept = "float32" if whole else dtype
        apart = ranks.count > 1 and divides(spec, dtype, samples)
        place = "cpu" if apart else device  # weights are divided before anything goes to a device
        decoder = load_decoder(model_folder, dtype=kept, device=place, quantize_head=False)
        noted = store.folder / f"observed-{hash_value(identity)[:16]}"
        method = with_start_ids(spec.method, chat.tokenizer.encode)
        learnt, checked = _prepare(decoder, method, objective, learnt, checked, noted, seed, ranks)
        check_memory(decoder, model_folder, spec, ranks.count if apart else 1)
        products = torch.bfloat16 if whole and dtype == "bfloat16" else None
        if apart:
            ranks.shard(decoder, products)
        _save_memory(decoder, learnt, spec, dtype, ranks)
        done = 0 if checkpoint is None else checkpoint.step
        settings = {
            **{"model": str(model_folder), "seed": seed, "dtype": dtype},
            "adapt": spec.model_dump(mode="json"),
        }
        tracking = open_tracking(track if ranks.first else (), title, run_folder, done, settings)

        def trainee(rows: int | None) -> Trainee:
            labels = sorted({r.label for r in (*train_rows, *asking) if r.label is not None})
            longest = spec.validation.max_characters
            return Trainee(
                decoder, chat, spread(asking, rows), tuple(labels), date, thinking, longest
            )

        shown = None
        if ranks.first and write is not None and samples and asking:
            shown = Samples(trainee(samples), write, run_folder, done, tracking)
        loop = Loop(
            decoder,
            learnt,
            checked,
            spec=spec,
            seed=seed,
            objective=objective,
            identity=identity,
            run_folder=run_folder,
            store=store,
            title=title,
            checkpoint_every=checkpoint_every,
            measure=None if metric is None else partial(metric, trainee(spec.validation.rows)),
            show=shown,
            tracking=tracking,
            products=None if apart else products,
            ranks=ranks,
        )
        _run(loop, checkpoint)
        plain = gathered(loop, model_folder, method, kept, seed)
        if plain is not None:
            _finish(loop, plain, model_folder, base_hash)
        return _result(run_folder, ranks)


def _open_store(run_folder: Path, ranks: Ranks, *, resume: bool) -> CheckpointStore:
    store = CheckpointStore(run_folder / "checkpoints", ranks=ranks)
    if ranks.first:
        store.tidy()
        if not resume:
            store.clear()
            for name in (RESULT_FILE, COST_FILE, "failure.json", "samples.jsonl"):
                (run_folder / name).unlink(missing_ok=True)
            forget(run_folder)
    ranks.wait()
    return store


def _read(
    objective: Objective[Any, Any],
    train_rows: Iterable[Row],
    valid_rows: Iterable[Row],
    texts: Texts,
) -> tuple[Sequence[Any], Sequence[Any]]:
    learnt = objective.examples(train_rows, texts, training=True)
    if not learnt:
        raise LeitaiError("there are no rows to train on", remedy="check the data's splits")
    return learnt, objective.examples(valid_rows, texts, training=False)


def _result(run_folder: Path, ranks: Ranks) -> TrainResult:
    ranks.wait()
    found = read_result(run_folder)
    assert found is not None  # the first process has just written it
    return found[1]


def _prepare(
    decoder: Decoder,
    method: AnyMethod,
    objective: Objective[Any, Any],
    learnt: Sequence[Any],
    checked: Sequence[Any],
    noted: Path,
    seed: int,
    ranks: Ranks,
) -> tuple[Sequence[Any], Sequence[Any]]:
    """Put in what is trained, after the objective has seen the model as it is."""
    with ranks.in_turn():
        learnt = objective.observe(decoder, learnt, noted / "train.safetensors")
        checked = objective.observe(decoder, checked, noted / "validation.safetensors")
    apply_method(decoder, method, seed)
    objective.attach(decoder, seed)
    return learnt, checked


def _save_memory(
    decoder: Decoder, learnt: Sequence[Any], spec: AdaptSpec, dtype: str, ranks: Ranks
) -> None:
    """Decide about activation checkpointing, and whether memory that is freed stays here."""
    again = chooses_checkpointing(decoder, learnt, spec, dtype)
    (decoder.activation_checkpointing,) = ranks.agree(again)
    # Gathered weights come and go beside gradients that stay: kept, the gaps between them would be
    # more than twice what a process holds.
    if decoder.activation_checkpointing or ranks.divided:
        give_freed_memory_back()


def _run(loop: Loop, checkpoint: Checkpoint | None) -> None:
    if checkpoint is not None:
        resume_from(loop, checkpoint)
    for note in loop.store.notes:
        _logger.warning(note)
    device = loop.decoder.device
    with loop.tracking, torch.random.fork_rng([device] if device.type == "cuda" else []):
        loop.run()
    take_best(loop)


def _finish(loop: Loop, decoder: Decoder, model_folder: Path, base_hash: str) -> None:
    """Write the best weights, then the result, then drop the checkpoints."""
    spec, totals, early = loop.spec, loop.totals, loop.early
    if leaves_adapter(spec.method):
        output = loop.run_folder / "adapter"
        save_adapter(decoder, output, base_hash, base_name=str(model_folder))
    else:
        output = loop.run_folder / "model"
        with atomic_folder(output) as temporary:
            save_decoder(decoder, temporary)
            copy_text_files(model_folder, temporary)
    validated = early.best_loss is not None
    result = TrainResult(
        output=output,
        steps=loop.step,
        best_step=early.best_step if validated else loop.step,
        best_loss=early.best_loss,
        best_bits_per_byte=totals.bits_per_byte,
        final_loss=totals.loss,
        epochs=round(loop.step / loop.steps_per_epoch, 6),
        stopped_early=loop.step < loop.total,
        train_tokens=totals.tokens,
        target_tokens=totals.targets,
        train_rows=len(loop.train),
        valid_rows=len(loop.valid),
        trainable_parameters=trainable_parameters(decoder),
        seconds=round(totals.seconds, 3),
        best_score=early.best_score if loop.measure is not None else None,
        peak_bytes=max(totals.peak_bytes, peak_bytes()),
        notes=tuple(loop.store.notes),
    )
    result.write(loop.run_folder, dict(loop.identity))
    loop.store.clear()
