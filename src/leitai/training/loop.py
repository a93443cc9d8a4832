"""The training loop: one step after another, each decided by the seed and its number alone."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

from leitai.adapters import packed_weights, step_hooks, trainable_state
from leitai.base import InterruptedRunError
from leitai.base.memory import reused_memory
from leitai.base.progress import progress
from leitai.models import Decoder
from leitai.training.batches import Example, Ints, epoch_windows, generator, window_parts
from leitai.training.checkpoint import CheckpointStore
from leitai.training.early_stopping import EarlyStopping
from leitai.training.ema import Average, averaged
from leitai.training.failure import check_validation, diverged_at
from leitai.training.fitting import enough_for_products
from leitai.training.interrupts import SIGNALS, deferred_interrupts
from leitai.training.meter import Meter, Totals
from leitai.training.metrics import MetricsLog
from leitai.training.objectives.interface import Batch, Counted, Objective
from leitai.training.optimizer import make_optimizer, set_rate
from leitai.training.precision import WorkingCopies
from leitai.training.ranks import Ranks
from leitai.training.resuming import save
from leitai.training.schedule import rate_factor
from leitai.training.spec import AdaptSpec
from leitai.training.tracking import Tracking

CHECKPOINT_SECONDS = 30.0  # what a kill may cost
CHECKPOINT_SHARE = 0.02  # of the time may go into writing checkpoints
EVALUATION_ROWS = 64  # without gradients, more rows fit at once
_NOISE_STREAM = 1  # parts the random numbers of noise and masks from those of the order


@dataclass
class Loop:
    """One run in progress.

    Attributes:
        decoder: prepared by `apply_method`.
        train: rows to learn from.
        valid: rows to stop by; may be empty.
        spec: how to train.
        seed: of order, noise and dropout.
        objective: what is learnt.
        identity: stored with each checkpoint.
        run_folder: gets the metrics and, with a failure, its rows.
        store: the run's checkpoints.
        title: of the progress bar.
        checkpoint_every: steps between checkpoints; None goes by the clock.
        measure: the score that decides which weights are the best; None is the validation loss.
        show: called with the step at each evaluation, with the weights that are judged in place.
        tracking: is told of every line of metrics.
        products: the number format of products where it is not that of the weights.
        ranks: the processes that train together.
        step: updates done.
    """

    decoder: Decoder
    train: Sequence[Example]
    valid: Sequence[Example]
    spec: AdaptSpec
    seed: int
    objective: Objective[Any, Any]
    identity: Mapping[str, Any]
    run_folder: Path
    store: CheckpointStore
    title: str = "training"
    checkpoint_every: int | None = None
    measure: Callable[[], float] | None = None
    show: Callable[[int], None] | None = None
    tracking: Tracking = field(default_factory=Tracking)
    products: torch.dtype | None = None
    ranks: Ranks = field(default_factory=Ranks)
    step: int = 0
    totals: Totals = field(default_factory=Totals)

    def __post_init__(self) -> None:
        spec = self.spec
        self.device = str(self.decoder.device)
        self.window = spec.batch_rows * spec.accumulation
        self.steps_per_epoch = math.ceil(len(self.train) / self.window)
        self.total = min(spec.epochs * self.steps_per_epoch, spec.max_steps or 1 << 62)
        dtype = str(self.products or self.decoder.compute_dtype).removeprefix("torch.")
        self._enough = enough_for_products(self.decoder, spec, dtype, divided=self.ranks.divided)
        self.early = EarlyStopping(spec.patience, higher_is_better=self.measure is not None)
        self.parameters: dict[str, nn.Parameter] = {
            name: p for name, p in self.decoder.named_parameters() if p.requires_grad
        }
        self.optimizer = make_optimizer(self.decoder, spec)
        self._computing = (
            WorkingCopies(self.decoder, self.products) if self.products else nullcontext
        )
        self.hooks = step_hooks(self.decoder, spec.method, self.total)
        self.average = None if spec.ema is None else Average(spec.ema, self.parameters)
        fixed = self.objective.vary(self.valid, generator(self.seed), training=False)
        by_length = sorted(fixed, key=lambda row: row.length)
        self._valid_groups = [
            self._batches(by_length[start : start + EVALUATION_ROWS], EVALUATION_ROWS, math.inf)
            for start in range(0, len(by_length), EVALUATION_ROWS)
        ]
        self._valid_bytes = sum(row.answer_bytes for row in self.valid)
        self._windows: tuple[int, list[Ints]] = (-1, [])
        self._lengths = [row.length for row in self.train]
        self._shortest = self.train[int(np.argmin(self._lengths))]

    def _batches(self, examples: Sequence[Example], batch_rows: int, enough: float) -> list[Batch]:
        own = self.ranks.part(self.decoder, examples)
        parts = window_parts(own, batch_rows, self.spec.batch_tokens, enough) if own else ()
        return [self.objective.batch(part, self.device) for part in parts]

    def _prepared(self, batches: Sequence[Batch]) -> Sequence[Counted[Batch]]:
        """Return a step's batches as all processes compute them together."""
        even = list(self.ranks.even(batches, self._filler))
        return self.objective.prepare(self.decoder, even, self.ranks)

    def _filler(self) -> Batch:
        """Return a small batch to take part with where other processes have one more."""
        batch: Batch = self.objective.batch([self._shortest], self.device)
        return batch

    def run(self) -> None:
        """Train until the steps or the patience are used up.

        Raises:
            LeitaiError: a loss or gradient is no longer finite, the user interrupts (a checkpoint
                is written first in both cases), or the disk is full.
        """
        before, start = self.totals.seconds, time.perf_counter()
        saved_at, saving = start, 0.0
        tell = self.tracking.take
        kept = self.run_folder if self.ranks.first else None
        metrics = MetricsLog(kept and kept / "metrics.jsonl", self.step, tell)
        clock = MetricsLog(kept and kept / "clock.jsonl", self.step, tell)
        self.decoder.train()
        with (
            metrics,
            clock,
            # recomputation and division are for want of memory
            nullcontext() if self._wants_memory else reused_memory(),
            nullcontext() if self.ranks.divided else packed_weights(self.decoder),
            deferred_interrupts() as interrupt,
            progress(self.title, self.total) as tick,
        ):
            meter = Meter(clock, tick, self.totals.tokens, start)
            while self.step < self.total and not self.early.exhausted:
                metrics.write(self._update())
                if self.valid and (self.step % self._interval == 0 or self.step == self.total):
                    metrics.write(self._evaluate())
                now = time.perf_counter()
                self.totals.seconds = before + now - start
                meter.show(self.step, self.totals, now, last=self.step == self.total)
                due = self.ranks.first and self._checkpoint_due(now - saved_at, saving)
                asked = [interrupt.signal == number for number in SIGNALS]
                *asked, due = self.ranks.agree(*asked, due)
                if any(asked):
                    save(self)
                    raise InterruptedRunError(
                        f"stopped after step {self.step} of {self.total}",
                        signal=SIGNALS[asked.index(True)],
                        where=self.run_folder,
                        remedy="run the same command again to go on from there "
                        "(leitai train: with --resume)",
                    )
                if due:
                    save(self)
                    saved_at = time.perf_counter()
                    saving = saved_at - now
        self.decoder.eval()

    @property
    def _wants_memory(self) -> bool:
        return self.decoder.activation_checkpointing or self.ranks.divided

    @property
    def _interval(self) -> int:
        return self.spec.evaluate_every or self.steps_per_epoch

    def _checkpoint_due(self, elapsed: float, cost: float) -> bool:
        if self.step == self.total:
            return False  # what follows takes less time than a checkpoint is worth
        if self.checkpoint_every is not None:
            return self.step % self.checkpoint_every == 0
        return elapsed > max(CHECKPOINT_SECONDS, cost / CHECKPOINT_SHARE)

    def _next_batches(self) -> list[Batch]:
        epoch, index = divmod(self.step, self.steps_per_epoch)
        if self._windows[0] != epoch:
            self._windows = (epoch, epoch_windows(self._lengths, self.window, self.seed, epoch))
        chosen = [self.train[i] for i in self._windows[1][index]]
        draws = generator(self.seed, self.step, _NOISE_STREAM)
        rows = self.objective.vary(chosen, draws, training=True)
        return self._batches(rows, self.spec.batch_rows, self._enough)

    def _update(self) -> dict[str, Any]:
        """Do one step; return its line of metrics."""
        spec, batches = self.spec, self._next_batches()
        # Dropout's draws follow from seed, step and rank, so a resumed run draws the same.
        torch.manual_seed(int(generator(self.seed, self.step).integers(1 << 63)) + self.ranks.index)
        weight, tokens, targets = self.ranks.total(
            sum(batch.weight for batch in batches),
            sum(batch.tokens for batch in batches),
            sum(batch.predictions for batch in batches),
        )
        losses = []
        with self._computing():
            for batch, counts in self._prepared(batches):
                part = self.objective.loss(self.decoder, batch)
                part = part / weight if counts else part * 0.0
                part.backward()  # type: ignore[no-untyped-call]
                losses.append(part.detach())
        self.ranks.add_gradients(self.parameters)
        penalty = self.hooks.penalty()
        if penalty is not None:
            penalty.backward()  # type: ignore[no-untyped-call]
        norm = self.ranks.whole(clip_grad_norm_(self.parameters.values(), spec.clip or math.inf))
        loss, norm_value = torch.stack([torch.stack(losses).sum(), norm]).tolist()
        (loss,) = self.ranks.total(loss)
        if not (math.isfinite(loss) and math.isfinite(norm_value)):
            self._fail(loss, norm_value, batches)
        rate = spec.learning_rate * rate_factor(self.step, self.total, spec.warmup, spec.schedule)
        set_rate(self.optimizer, rate)
        self.optimizer.step()
        self.step += 1
        self.hooks.after_update(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update(self.parameters, self.step)
        self.totals.loss = loss
        self.totals.tokens += int(tokens)
        self.totals.targets += int(targets)
        return {
            "step": self.step,
            "epoch": round(self.step / self.steps_per_epoch, 6),
            "loss": loss,
            **({} if penalty is None else {"penalty": penalty.item()}),
            "learning_rate": rate,
            "gradient_norm": norm_value,
            "tokens": self.totals.tokens,
            "targets": self.totals.targets,
        }

    def _fail(self, loss: float, norm: float, batches: Sequence[Batch]) -> None:
        """Stop before the weights are spoilt: keep them, and say where it happened."""
        self.optimizer.zero_grad(set_to_none=True)
        save(self)
        own = "\n".join(source for batch in batches for source in batch.sources)
        sources = self.ranks.texts(own).splitlines()
        raise diverged_at(self.step + 1, loss, norm, sources, self.run_folder)

    def _evaluate(self) -> dict[str, Any]:
        """Validate, keep the weights if they are the best; return the line of metrics."""
        self.decoder.eval()
        with averaged(self.average, self.parameters):
            line = self._validate()
            if self.show is not None:
                self.show(self.step)
        self.decoder.train()
        return line

    def _validate(self) -> dict[str, Any]:
        with torch.no_grad(), self._computing():
            parts = [
                self.objective.loss(self.decoder, batch) * (1.0 if counts else 0.0)
                for group in self._valid_groups
                for batch, counts in self._prepared(group)
            ]
        self.ranks.settle(self.decoder)
        weights = sum(batch.weight for group in self._valid_groups for batch in group)
        nats, weight = self.ranks.total(torch.stack(parts).double().sum().item(), weights)
        check_validation(nats, self.step, self.run_folder)
        loss = nats / weight
        bits = nats / math.log(2) / self._valid_bytes if self._valid_bytes else None
        score = None
        if self.measure is not None:  # one process asks for all
            (score,) = self.ranks.total(self.measure() if self.ranks.first else 0.0)
        best = self.early.update(self.step, loss, score)
        if best:
            self.totals.bits_per_byte = bits
            self.store.save_best(self.step, trainable_state(self.decoder))
        line = {
            "step": self.step,
            "epoch": round(self.step / self.steps_per_epoch, 6),
            "valid_loss": loss,
            "valid_bits_per_byte": bits,
            "best": best,
            "tokens": self.totals.tokens,
        }
        return line if score is None else line | {f"valid_{self.spec.validation.metric}": score}
