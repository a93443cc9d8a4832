"""From a model folder and rows to an adapted model folder or adapter."""

import logging
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

import torch

from leitai.adapters import (
    apply_method,
    leaves_adapter,
    save_adapter,
    trainable_parameters,
    weights_hash,
)
from leitai.base import LeitaiError
from leitai.base.files import atomic_folder, hash_value
from leitai.base.locks import run_lock
from leitai.base.memory import peak_bytes
from leitai.data.rows import Row
from leitai.models import load_decoder, read_config, save_decoder
from leitai.text import Chat, Tokenizer, copy_text_files
from leitai.training.checkpoint import CheckpointStore
from leitai.training.fitting import check_memory, chooses_checkpointing
from leitai.training.identity import check_identity, run_identity
from leitai.training.loop import Loop
from leitai.training.objectives import make_objective
from leitai.training.objectives.interface import Texts
from leitai.training.result import COST_FILE, RESULT_FILE, TrainResult, read_result
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
            products are computed in; another format then means float32.
        checkpoint_every: steps between checkpoints; by default as often as costs under 2 % of the
            time, at most every 30 seconds.
        metrics: what `spec.validation.metric` may name beside the loss
            (`leitai.evaluation.validation.METRICS`).
        write: lets the model answer rows (`leitai.evaluation.validation.write`).
        samples: validation rows that it answers at each evaluation, into `samples.jsonl`.
        track: where curves are shown too; None is TensorBoard where it is installed.

    Raises:
        LeitaiError: a file or row is not fit for it, the folder holds another run, the memory or
            the disk does not suffice, the loss is no longer finite, or the user interrupts.
    """
    with run_lock(run_folder):
        store = CheckpointStore(run_folder / "checkpoints")
        store.tidy()
        if not resume:
            store.clear()
            for name in (RESULT_FILE, COST_FILE, "failure.json", "samples.jsonl"):
                (run_folder / name).unlink(missing_ok=True)
            forget(run_folder)
        # streamed documents have no answers to be graded or shown
        asked_rows = valid_rows if isinstance(valid_rows, Sequence) else []
        metric = find_metric(spec, metrics, asked_rows)
        whole = not leaves_adapter(spec.method)
        if whole and dtype != "bfloat16":
            dtype = "float32"
        chat = Chat.from_folder(model_folder, Tokenizer.from_folder(model_folder))
        config = read_config(model_folder)
        objective = make_objective(spec)
        texts = Texts(chat, config.vocab_size, run_folder, date, thinking, title)
        learnt = objective.examples(train_rows, texts, training=True)
        if not learnt:
            raise LeitaiError("there are no rows to train on", remedy="check the data's splits")
        checked = objective.examples(valid_rows, texts, training=False)
        base_hash = weights_hash(model_folder)
        identity = run_identity(spec, seed, base_hash, learnt, checked, dtype)
        if (finished := read_result(run_folder)) is not None:
            check_identity(finished[0], identity, run_folder)
            return finished[1]
        checkpoint = store.load_newest()
        if checkpoint is not None:
            check_identity(checkpoint.state["identity"], identity, run_folder)
        kept = "float32" if whole else dtype
        decoder = load_decoder(model_folder, dtype=kept, device=device, quantize_head=False)
        noted = store.folder / f"observed-{hash_value(identity)[:16]}"
        learnt = objective.observe(decoder, learnt, noted / "train.safetensors")
        checked = objective.observe(decoder, checked, noted / "validation.safetensors")
        apply_method(decoder, spec.method, seed)
        objective.attach(decoder, seed)
        check_memory(decoder, model_folder, spec)
        decoder.activation_checkpointing = chooses_checkpointing(decoder, learnt, objective, dtype)
        done = 0 if checkpoint is None else checkpoint.step
        settings = {"model": str(model_folder), "seed": seed, "dtype": dtype}
        settings |= {"adapt": spec.model_dump(mode="json")}
        tracking = open_tracking(track, title, run_folder, done, settings)

        def trainee(rows: int | None) -> Trainee:
            asked = spread(asked_rows, rows)
            labels = sorted({r.label for r in (*train_rows, *asked_rows) if r.label is not None})
            longest = spec.validation.max_characters
            return Trainee(decoder, chat, asked, tuple(labels), date, thinking, longest)

        shown = None
        if write is not None and samples and asked_rows:
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
            products=torch.bfloat16 if whole and dtype == "bfloat16" else None,
        )
        if checkpoint is not None:
            loop.resume(checkpoint)
        for note in store.notes:
            _logger.warning(note)
        devices = [decoder.device] if decoder.device.type == "cuda" else []
        with tracking, torch.random.fork_rng(devices):
            loop.run()
        return _finish(loop, model_folder, base_hash)


def _finish(loop: Loop, model_folder: Path, base_hash: str) -> TrainResult:
    """Write the best weights, then the result, then drop the checkpoints."""
    loop.take_best()
    spec, totals, early = loop.spec, loop.totals, loop.early
    if leaves_adapter(spec.method):
        output = loop.run_folder / "adapter"
        save_adapter(loop.decoder, output, base_hash, base_name=str(model_folder))
    else:
        output = loop.run_folder / "model"
        with atomic_folder(output) as temporary:
            save_decoder(loop.decoder, temporary)
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
        trainable_parameters=trainable_parameters(loop.decoder),
        seconds=round(totals.seconds, 3),
        best_score=early.best_score if loop.measure is not None else None,
        peak_bytes=max(totals.peak_bytes, peak_bytes()),
        notes=tuple(loop.store.notes),
    )
    result.write(loop.run_folder, dict(loop.identity))
    loop.store.clear()
    return result
